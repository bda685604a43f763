"""The table of known networks: nothing in it is half filled in, and each row can be run and fetched."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from maskgen.methods import METHODS
from maskgen.methods.networks.known import KNOWN_NETWORKS, known_by_sha256
from maskgen.methods.networks.onnx.declaration import KNOWN
from maskgen.methods.resolve import network_of

HEX = {"md5": 32, "sha256": 64}


@pytest.mark.parametrize("name", KNOWN_NETWORKS)
def test_a_row_says_where_what_and_under_which_terms(name: str) -> None:
    row = KNOWN_NETWORKS[name]
    kind, _, digest = row.published.partition(":")
    assert re.fullmatch(f"[0-9a-f]{{{HEX[kind]}}}", digest)
    assert re.fullmatch("[0-9a-f]{64}", row.sha256)
    assert kind != "sha256" or digest == row.sha256
    assert urlsplit(row.address).scheme == urlsplit(row.terms).scheme == "https"
    assert row.network in KNOWN
    assert row.file_name.endswith(".onnx")
    assert "/" not in row.file_name
    assert row.license
    assert row.non_commercial == name.startswith("rmbg")
    assert known_by_sha256(row.sha256) == (name, row)


def test_every_name_is_a_method_that_an_onnx_runtime_runs() -> None:
    for name in KNOWN_NETWORKS:
        assert METHODS[name].threshold == 0.5
        assert ("onnxruntime", "cpu") in network_of(name, "x.onnx").precisions
        assert not network_of(name, "x.onnx").packages


def test_files_and_hashes_are_told_apart() -> None:
    rows = KNOWN_NETWORKS.values()
    assert len({row.file_name for row in rows}) == len({row.sha256 for row in rows}) == len(rows)
    assert known_by_sha256("") is None
