"""`maskgen info`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.cli.info import count_sparse

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_info_counts_samples_and_failures(call: Call, data: Path) -> None:
    facts = json.loads(call("info", data, "--json")[1])
    assert (facts["samples"], facts["failed"], facts["shards"], facts["complete"]) == (4, 1, 2, True)
    assert sum(facts["backgrounds"].values()) == 4
    assert facts["mean_fg_area"] == pytest.approx(0.25, abs=0.02)
    assert facts["options"]["method"] == "box"
    assert 0 < facts["mean_confidence"] < 1
    assert facts["doubtful_masks"] == 4 * (facts["mean_confidence"] < 0.5)  # of four alike
    assert facts["bytes"] == sum(path.stat().st_size for path in data.glob("*.tar"))
    text = call("info", data)[1]
    assert "samples         4\n" in text
    lines = text.splitlines()
    assert next(line for line in lines if "method=box" in line).split() == ["method=box"]
    assert sum(line.startswith("options ") for line in lines) == 1


def test_folders_without_a_manifest_are_refused(call: Call, tmp_path: Path) -> None:
    for command in ("info", "preview"):
        status, _, err = call(command, tmp_path)
        assert status == 1
        assert "no manifest.json here" in err
    assert call("verify", tmp_path)[0] == 1


def test_masks_of_specks_are_told_from_masks_that_hold_something() -> None:
    assert count_sparse([0.0, 0.0, 0.0001, 0.0099, 0.01, 0.5]) == (2, 2)
