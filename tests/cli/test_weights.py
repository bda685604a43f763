"""`maskgen weights`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from file_server import Server, serving

from maskgen.methods.networks.known import KNOWN_NETWORKS

Call = Callable[..., tuple[int, str, str]]
CONTENT = b"weights" * 1000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """IS-Net and RMBG-1.4 are a small file on this machine."""
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()
    with serving(CONTENT) as server:
        for name in ("isnet", "rmbg-1.4"):
            row = dataclasses.replace(
                KNOWN_NETWORKS[name],
                address=f"{server.address}/{KNOWN_NETWORKS[name].file_name}",
                size=len(CONTENT),
                sha256=digest,
                published=f"sha256:{digest}",
            )
            monkeypatch.setitem(KNOWN_NETWORKS, name, row)
        yield server


def test_a_network_is_listed_fetched_and_found(server: Server, tmp_path: Path, call: Call) -> None:
    place = str(tmp_path / "isnet-general-use.onnx")
    status, out, err = call("weights", "path", "isnet")
    assert (status, out.strip()) == (1, place)
    assert "maskgen weights get isnet" in err
    status, out, err = call("weights", "get", "isnet")
    assert (status, out.strip()) == (0, place)
    assert server.address in err
    assert "Apache-2.0 (https://github.com/xuebinqin/DIS" in err
    assert Path(place).read_bytes() == CONTENT
    assert call("weights", "get", "isnet") == (0, f"{place}\n", "")  # nothing to tell the second time
    assert call("weights", "path", "isnet")[:2] == (0, f"{place}\n")
    assert len(server.asked) == 1
    facts = json.loads(call("weights", "list", "--json")[1])
    assert facts["folder"] == str(tmp_path)
    assert [row["name"] for row in facts["networks"] if row["here"]] == ["isnet"]


def test_the_list_has_every_network_with_its_license(server: Server, call: Call) -> None:
    status, out, _ = call("weights", "list")
    assert status == 0
    for name, row in KNOWN_NETWORKS.items():
        line = next(line for line in out.splitlines() if line.split()[0] == name)
        assert row.license in line
        assert "here" not in line.split()


def test_a_license_is_accepted_by_a_flag(server: Server, call: Call) -> None:
    status, _, err = call("weights", "get", "rmbg-1.4")
    assert status == 2
    assert "--accept-license" in err
    assert "fetched from" not in err
    assert server.asked == []
    assert call("weights", "get", "rmbg-1.4", "--accept-license")[0] == 0


@pytest.mark.parametrize("word", ["get", "path"])
def test_a_mistaken_name_is_answered_with_the_nearest(call: Call, word: str) -> None:
    status, _, err = call("weights", word, "isnt")
    assert status == 2
    assert "did you mean 'isnet'?" in err
