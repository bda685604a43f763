"""What must hold of a folder as a whole: one manifest, no file too many, no key twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault
from maskgen.loaders import open_dataset
from maskgen.shards import naming


def test_renamed_shard(copy: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        file = copy.shards(suffix)[3]
        file.rename(file.with_name(file.name.replace("000003", "000007")))
    with pytest.raises(ShardFault, match="000007"):
        open_dataset(copy.path)


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_extra_file(copy: Any, suffix: str) -> None:
    file = copy.shards(suffix)[0]
    shutil.copy(file, file.with_name(f"drawn-train-000004.{suffix}"))
    with pytest.raises(ShardFault, match="knows no such file"):
        open_dataset(copy.path)


def as_format_2(raw: Any) -> dict[str, Any]:
    """A manifest that calls its shards older than they are, with all that follows from it."""
    identity = {name: value for name, value in raw["identity"].items() if name != "format"}
    return {"format": 2, "identity": identity, "fingerprint": digest(identity)}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("samples", lambda raw: raw["shards"][0].update(samples=7)),
        ("both counts", lambda raw: raw["shards"][0].update(samples=5, failed=1)),
        ("totals", lambda raw: raw["totals"].update(samples=22)),
        ("planned", lambda raw: raw["totals"].update(planned=23)),
        ("a shard less", lambda raw: raw["shards"].pop()),
        ("a shard twice", lambda raw: raw["shards"].append(raw["shards"][0])),
        ("order", lambda raw: raw["shards"].reverse()),
        ("members", lambda raw: raw["members"].remove("cls")),
        ("unknown member", lambda raw: raw["members"].append("txt")),
        ("path", lambda raw: raw["shards"][0].update(name="../drawn-train-000000")),
        ("version", lambda raw: raw.update(format=max(naming.READABLE) + 1)),
        ("version of the tables", lambda raw: raw.update(as_format_2(raw))),
        ("fingerprint", lambda raw: raw.update(fingerprint="0" * 64)),
        ("an index less", lambda raw: [raw["shards"][1].pop(f"idx_{part}") for part in ("bytes", "sha256")]),
        ("no threshold", lambda raw: raw["identity"]["options"].pop("threshold")),
        ("options of another type", lambda raw: raw["identity"].update(options=[])),
        ("fields", lambda raw: raw.pop("identity")),
    ],
)
def test_manifest_that_contradicts_itself_or_the_shards(
    copy: Any, resealed: Any, name: str, change: Callable[[Any], None]
) -> None:
    resealed(copy.path / "manifest.json", change)
    with pytest.raises(ShardFault):
        open_dataset(copy.path)


def test_shard_name_that_leads_out_of_the_folder(copy: Any, resealed: Any) -> None:
    for suffix in ("tar", "idx", "parquet"):
        shutil.move(copy.shards(suffix)[0], copy.path.parent)
    resealed(copy.path / "manifest.json", lambda raw: raw["shards"][0].update(name="../drawn-train-000000"))
    with pytest.raises(ShardFault, match=r"not one this tool writes.*\.\./drawn"):
        open_dataset(copy.path)


def test_edited_manifest_with_its_old_seal(copy: Any) -> None:
    path = copy.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}, sort_keys=True, indent=1))
    with pytest.raises(ShardFault, match="seal"):
        open_dataset(copy.path)


@pytest.mark.parametrize(
    "name", ["manifest2.json", "manifest (1).json", "old-manifest.json", "Manifest.json"]
)
def test_second_manifest(copy: Any, name: str) -> None:
    shutil.copy(copy.path / "manifest.json", copy.path / name)
    with pytest.raises(ShardFault, match="second manifest"):
        open_dataset(copy.path)


def test_key_in_two_shards(builder: Any) -> None:
    built = builder(samples=8, shard_size=4, repeat_keys_after=6)
    with pytest.raises(ShardFault, match="s0000"):
        open_dataset(built.path)
