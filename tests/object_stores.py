"""Object stores for tests: moto as Amazon's S3, started once, emptied for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OURS = ("AWS_", "AZURE_", "GOOGLE_", "MASKGEN_STORE_")


def set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the tests, and no others."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-somebody")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture(scope="session")
def amazon_server() -> Iterator[str]:
    """The address of moto's server."""
    pytest.importorskip("obstore", reason="object stores need obstore: pip install maskgen[cloud]")
    server_module = pytest.importorskip("moto.server", reason="the S3 server of the tests is moto[server]")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def amazon(amazon_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client of moto's server, which has one empty bucket ``photos``; the settings are for it."""
    import boto3

    set_credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", amazon_server)
    client = boto3.client("s3", endpoint_url=amazon_server)
    empty(client)
    client.create_bucket(Bucket="photos")
    return client


def empty(client: Any) -> None:
    """Remove every bucket."""
    for bucket in client.list_buckets()["Buckets"]:
        for key in objects(client, bucket["Name"]):
            client.delete_object(Bucket=bucket["Name"], Key=key)
        client.delete_bucket(Bucket=bucket["Name"])


def objects(client: Any, bucket: str = "photos", prefix: str = "") -> dict[str, bytes]:
    """What a bucket holds, by key."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def upload(client: Any, folder: Path, prefix: str) -> None:
    """Copy a folder and all below it into the bucket ``photos``."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            client.upload_file(str(path), "photos", f"{prefix}/{path.relative_to(folder).as_posix()}")
