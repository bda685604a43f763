"""Conditional uploads against stores that fail: one creates, all others are told, nothing is half there."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.storage import uploads
from maskgen.io.storage.bucket import open_bucket

DATA = os.urandom(100_000)
STORES = pytest.mark.parametrize("address", ["s3://photos", "gs://photos"])


@STORES
def test_the_first_creates_and_the_second_is_told(faulty_store: FaultyStore, address: str) -> None:
    bucket = open_bucket(address)
    assert uploads.create(bucket, "deep/a b%c.tar", DATA)
    assert not uploads.create(bucket, "deep/a b%c.tar", b"other")
    assert faulty_store.objects == {"deep/a b%c.tar": DATA}
    assert uploads.holds(bucket, "deep/a b%c.tar", len(DATA), hashlib.sha256(DATA).hexdigest())
    assert not uploads.holds(bucket, "deep/a b%c.tar", len(DATA), hashlib.sha256(b"other").hexdigest())
    assert not uploads.holds(bucket, "absent", len(DATA), hashlib.sha256(DATA).hexdigest())


def test_a_file_is_sent_whole_and_an_empty_one_too(faulty_store: FaultyStore, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "b").write_bytes(b"")
    for name in "ab":
        assert uploads.create(open_bucket("s3://photos"), name, tmp_path / name)
    assert faulty_store.objects == {"a": DATA, "b": b""}


@STORES
@pytest.mark.parametrize("faults", [["503", "500"], ["429"], ["409"], ["409", "409", "503"]], ids=str)
def test_what_passes_is_overcome(faulty_store: FaultyStore, address: str, faults: list[str]) -> None:
    faulty_store.faults += [("PUT", "a", fault) for fault in faults]
    assert uploads.create(open_bucket(address), "a", DATA)
    assert faulty_store.objects == {"a": DATA}
    assert not faulty_store.faults


@STORES
def test_an_upload_whose_answer_is_lost_exists(faulty_store: FaultyStore, address: str) -> None:
    """The store has it and says 500; the second try is told that it exists: its content decides."""
    faulty_store.faults.append(("PUT", "a", "lost"))
    assert not uploads.create(open_bucket(address), "a", DATA)
    assert uploads.holds(open_bucket(address), "a", len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.mark.slow
def test_silence_ends_in_an_error_and_nothing_is_there(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.3")
    monkeypatch.setenv("MASKGEN_STORE_TIMEOUT_S", "0.1")
    faulty_store.faults += [("PUT", "a", "stall")] * 50
    with pytest.raises(EnvironmentFault, match="s3://photos/a"):
        uploads.create(open_bucket("s3://photos"), "a", b"data")
    assert not faulty_store.objects


@pytest.mark.slow
@STORES
def test_a_conflict_that_lasts_is_an_error_and_not_success(faulty_store: FaultyStore, address: str) -> None:
    faulty_store.faults += [("PUT", "a", "409")] * 200
    with pytest.raises(EnvironmentFault):
        uploads.create(open_bucket(address), "a", DATA)
    assert not faulty_store.objects


def test_refused_access_is_told_at_once_without_the_credentials(
    faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_store.faults += [("PUT", "a", "403")] * 50
    with pytest.raises(EnvironmentFault, match="refuses access") as caught:
        uploads.create(open_bucket("s3://photos"), "a", DATA)
    assert "secret-of-somebody" not in str(caught.value)
    assert len(faulty_store.log) < 5


def test_a_store_that_keeps_less_than_was_sent_is_found_out(faulty_store: FaultyStore) -> None:
    faulty_store.faults.append(("PUT", "a", "shorten"))
    with pytest.raises(EnvironmentFault, match="another object than was sent"):
        uploads.create(open_bucket("s3://photos"), "a", DATA)


def test_of_eight_who_create_one_key_one_succeeds(faulty_store: FaultyStore) -> None:
    bucket, made = open_bucket("s3://photos"), list[bool]()
    threads = [
        threading.Thread(target=lambda n: made.append(uploads.create(bucket, "a", b"%d" % n)), args=(n,))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]


def test_only_the_known_object_is_replaced(faulty_store: FaultyStore) -> None:
    bucket = open_bucket("s3://photos")
    uploads.create(bucket, "a", b"one")
    tag = bucket.head("a").e_tag
    assert uploads.replace(bucket, "a", b"two", tag)
    assert not uploads.replace(bucket, "a", b"three", tag)
    assert faulty_store.objects == {"a": b"two"}


def test_a_file_above_what_one_request_may_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.tar"
    with path.open("wb") as file:
        file.truncate(uploads.MAX_BYTES + 1)
    with pytest.raises(UsageError, match="too large") as caught:
        uploads.Content(path)
    assert "--shard-size" in caught.value.remedy


@pytest.mark.slow
def test_moto_agrees(amazon: Any) -> None:
    bucket = open_bucket("s3://photos")
    assert uploads.create(bucket, "a", DATA)
    assert not uploads.create(bucket, "a", DATA)
    assert uploads.holds(bucket, "a", len(DATA), hashlib.sha256(DATA).hexdigest())
    with pytest.raises(FileNotFoundError):
        uploads.create(open_bucket("s3://nowhere"), "a", DATA)
