"""Files of weights with metadata: equal bytes, whose they are, and what a hostile header may say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from maskgen.errors import EnvironmentFault, UsageError  # noqa: E402
from maskgen.methods.networks.checkpoint import MAKERS, encode_weights, read_metadata, weights_side  # noqa: E402
from maskgen.methods.registry import METHODS  # noqa: E402

METADATA = {"network": "small", "side": "64", "data": "0" * 64}


def header(content: object) -> bytes:
    text = json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text


def write(folder: Path, data: bytes) -> Path:
    path = folder / "w.safetensors"
    path.write_bytes(data)
    return path


def test_every_maker_is_a_method() -> None:
    assert MAKERS.keys() <= METHODS.keys()


def test_equal_weights_and_metadata_are_equal_bytes(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([7], dtype=torch.int64)}
    metadata = {**METADATA, **{f"key{number}": "é" * number for number in range(9)}}
    turns = [metadata, dict(reversed(metadata.items()))] * 4
    data = {encode_weights("student", state, facts) for facts in turns}
    assert len(data) == 1
    path = write(tmp_path, data.pop())
    assert read_metadata("student", path) == {"maskgen": "student", **metadata}
    found = load_file(path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())
    length = int.from_bytes(path.read_bytes()[:8], "little")
    assert length % 8 == 0  # the tensors behind the header stay aligned


def test_metadata_must_name_network_and_side() -> None:
    with pytest.raises(UsageError, match="lack side"):
        encode_weights("deepusps", {}, {"network": "small"})


def test_weights_of_the_other_maker_name_their_method(tmp_path: Path) -> None:
    path = write(tmp_path, encode_weights("deepusps", {}, METADATA))
    with pytest.raises(UsageError, match="no checkpoint of student") as refusal:
        read_metadata("student", path)
    assert refusal.value.remedy == "use --method deepusps"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
        header({}),
        header([]),
        header({"__metadata__": {}}),
        header({"__metadata__": {"maskgen": "other", "network": "small", "side": "64"}}),
        header({"__metadata__": {"maskgen": "deepusps", "network": "small"}}),
        (10_000).to_bytes(8, "little") + b"[" * 10_000,
        (5_000).to_bytes(8, "little") + b"9" * 5_000,
        header({"__metadata__": 3}),
    ],
)
def test_files_of_others_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="no checkpoint of deepusps") as refusal:
        read_metadata("deepusps", write(tmp_path, content))
    assert refusal.value.remedy == MAKERS["deepusps"]


def test_a_file_that_cannot_be_opened_is_no_fault_of_the_weights(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        read_metadata("deepusps", tmp_path)  # a folder


@pytest.mark.parametrize("side", ["", "64.5", "-64", "31", "4097", "²", "9" * 5_000])
def test_a_side_that_is_none(tmp_path: Path, side: str) -> None:
    with pytest.raises(UsageError, match="the weights name a side of") as refusal:
        weights_side("student", tmp_path, {"side": side})
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("side", [32, 75, 4096])
def test_a_side_is_read(tmp_path: Path, side: int) -> None:
    assert weights_side("student", tmp_path, {"side": str(side)}) == side
