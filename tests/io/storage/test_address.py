"""Addresses: what is one, and what of one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.io.storage.address import Address, is_address, parse_address


def test_only_a_text_with_a_scheme_is_an_address() -> None:
    assert is_address("s3://bucket/shards")
    assert is_address("ftp://bucket")
    assert not is_address("shards/s3")
    assert not is_address(Path("s3://bucket"))


def test_bucket_and_key() -> None:
    assert parse_address("gs://bucket") == parse_address("gs://bucket/") == Address("gs://bucket", "")
    assert parse_address("az://box/a b/c%20d/") == Address("az://box", "a b/c%20d")
    assert parse_address("s3://bucket/part-?????-of-00010") == Address("s3://bucket", "part-?????-of-00010")


@pytest.mark.parametrize("address", ["ftp://bucket/x", "s3://", "s3:///x", "s3://b/a//c", "s3://b/../c"])
def test_others_are_refused(address: str) -> None:
    with pytest.raises(UsageError):
        parse_address(address)


@pytest.mark.parametrize(
    "address",
    ["s3://user:hunter2@bucket/x", "az://box/x?sv=2024&sig=hunter2", "gs://b/x?X-Goog-Signature=hunter2"],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="holds credentials") as caught:
        parse_address(address)
    assert "hunter2" not in str(caught.value)
