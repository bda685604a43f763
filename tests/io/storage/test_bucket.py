"""Requests to a bucket: pages, faults and what they must not say."""

from __future__ import annotations

import os

import pytest
from faulty_store import FaultyStore

from maskgen.errors import EnvironmentFault
from maskgen.io.storage import bucket
from maskgen.io.storage.bucket import open_bucket, refused


@pytest.mark.parametrize("address", ["s3://bucket", "gs://bucket"])
def test_a_listing_comes_in_pages(
    faulty_store: FaultyStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_store.page = 10
    monkeypatch.setattr(bucket, "PAGE", 10)
    faulty_store.objects.update({f"a/{n:02}": b"x" * n for n in range(35)})
    found = open_bucket(address).walk("a")
    first = next(found)
    assert (first.key, first.size) == ("a/00", 0)
    assert faulty_store.asked["GET"] <= 2, "a page is asked for when it is needed, or just before"
    assert [entry.size for entry in found] == list(range(1, 35))
    assert faulty_store.asked["GET"] == 4


def test_settings_that_change_are_seen(faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_bucket("s3://bucket")
    assert open_bucket("s3://bucket") is one
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert open_bucket("s3://bucket") is not one


def test_a_message_holds_no_credentials(faulty_store: FaultyStore) -> None:
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    error = OSError(f"GET https://host/x?X-Amz-Signature=abc123&sig=def {secret}, key")
    text = str(refused("s3://bucket/x", error))
    assert "abc123" not in text
    assert "def" not in text
    assert secret not in text
    assert "https://host/x?..." in text
    text = str(refused("s3://bucket/x", OSError("GET http://somebody:password@host/x")))
    assert "http://...@host/x" in text


def test_a_listing_that_is_refused_speaks_of_the_credentials(faulty_store: FaultyStore) -> None:
    faulty_store.faults += [("GET", "", "403")] * 9
    with pytest.raises(EnvironmentFault, match="refuses access") as caught:
        next(open_bucket("s3://bucket").walk("a"))
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.remedy
    assert caught.value.cause.endswith("403 Forbidden")


def test_the_code_of_a_refusal_is_the_cause() -> None:
    body = "<Error><Code>SignatureDoesNotMatch</Code><Message>We</Message></Error>"
    account = (
        "Error performing list request: Error performing GET http://host/b?list-type=2 in 4.8ms - Server"
    )
    error = OSError(f'{account} returned non-2xx status code: 403 Forbidden, body: Some("{body}")')
    assert refused("s3://b", error).cause == "GET http://host/b?... in 4.8ms: SignatureDoesNotMatch"


def test_what_is_removed_or_copied_is_and_what_is_absent_is_no_fault(faulty_store: FaultyStore) -> None:
    photos = open_bucket("s3://bucket")
    faulty_store.objects["a"] = b"data"
    photos.copy("a", "b/c")
    photos.delete("a")
    photos.delete("a")
    assert faulty_store.objects == {"b/c": b"data"}
    with pytest.raises(FileNotFoundError):
        photos.head("a")


def test_nobody_answers(faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match="cannot be used") as caught:
        open_bucket("s3://bucket").head("a")
    assert caught.value.exit_code == 3
    assert caught.value.cause.startswith("HEAD http://127.0.0.1:9/bucket/a in ")
    assert caught.value.cause.endswith("Connection refused")
