"""Forged meta and pictures in the DALI loader: errors of ours that obey `on_error`, never DALI's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from epochs import DONORS, FULL, SMALL, harvest, keys, make
from forge import forge, huge_jpeg, metas, undecodable

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.loaders import DaliLoader
from maskgen.loaders.pixels.render import Renderer

HUGE = 2**31 - 1
BOXES = {
    "s0001": (0, 0, 0, 0),
    "s0005": (60, 60, 10, 10),
    "s0006": (0, 0, HUGE, HUGE),
    "s0008": (-50, -50, 20, 20),
    "s0013": (HUGE - 8, HUGE - 8, HUGE, HUGE),
}
"""Where no background can lie."""


@pytest.fixture
def patched(builder: Any) -> Path:
    """Backgrounds stored as patches, as many of them somewhere else as `BOXES` has."""
    built = builder(options={"background_store": "patch"})
    forged = metas(built.path)
    for key, box in BOXES.items():
        forged[key]["bg_box"] = box
    forge(built.path, {key: {"meta": forged[key].tobytes()} for key in BOXES})
    path: Path = built.path
    return path


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
def test_a_background_that_lies_nowhere(patched: Path, operators: bool) -> None:
    options: dict[str, Any] = {"recipe": (DONORS,), "seed": 1, "last": "partial", "operators": operators}
    batches, faults = harvest(iter(make(patched, 1, **options)))
    assert len(faults) == len(BOXES)
    assert all(isinstance(fault, ShardFault) for fault in faults)
    assert {next(key for key in BOXES if key in fault.where) for fault in faults} == set(BOXES)
    assert len(keys(batches)) == 22 - len(BOXES)
    tolerant = make(patched, 4, on_error="skip", **options)
    seen = keys(list(tolerant))
    assert (len(seen), tolerant.skipped) == (22, len(BOXES))
    assert not set(seen) & set(BOXES)


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
def test_a_picture_that_only_the_decoder_refuses(copy: Any, operators: bool) -> None:
    """Its header and its checksum are right: it is found by decoding the batch's pictures one by one."""
    forge(copy.path, {"s0008": {"jpg": undecodable}, "s0013": {"bg.jpg": undecodable}})
    options: dict[str, Any] = {"recipe": (DONORS,), "last": "partial", "operators": operators}
    batches, faults = harvest(iter(make(copy.path, 21, **options)))
    assert not batches
    assert [fault.what for fault in faults] == ["a picture cannot be decoded"]
    tolerant = make(copy.path, 21, on_error="skip", **options)
    (batch,) = tolerant
    assert not {"s0008", "s0013"} & set(batch["key"])
    assert all("cannot be decoded" in text for text in tolerant.reader.broken.values())
    assert tolerant.skipped == 2


@pytest.mark.slow
def test_huge_and_impossible_samples_obey_on_error(copy: Any) -> None:
    forged = metas(copy.path)
    forged["s0001"]["size"] = (0, -7)
    forged["s0008"]["fg_box"] = (HUGE, HUGE, -HUGE, -HUGE)
    members = {key: {"meta": forged[key].tobytes()} for key in ("s0001", "s0008")}
    forge(copy.path, {**members, "s0013": {"jpg": huge_jpeg(16_000)}, "s0020": {"bg.jpg": huge_jpeg(16_000)}})
    batches, faults = harvest(iter(make(copy.path, 1, recipe=FULL, last="partial")))
    assert 3 <= len(faults) <= 4  # the background is read only where a view shows it
    assert all(isinstance(fault, ShardFault) for fault in faults)
    assert len(batches) == 21 - len(faults)
    tolerant = make(copy.path, 4, recipe=(DONORS,), last="partial", on_error="skip")
    seen = keys(list(tolerant))
    assert len(seen) == 21
    assert not set(seen) & {"s0001", "s0008", "s0013"}


@pytest.mark.slow
def test_a_failure_that_is_no_pictures_is_no_raw_error_of_dali(
    drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, spoiled = Renderer.lists, []

    def fail(self: Renderer, *inputs: Any) -> Any:
        if spoiled:
            raise MemoryError("no room for a view")
        return lists(self, *inputs)

    monkeypatch.setattr(Renderer, "lists", fail)
    loader = DaliLoader(str(drawn.path), 7, recipe=(SMALL,))
    spoiled.append("what follows the first run")
    with pytest.raises(EnvironmentFault, match=r"(?s)none of its pictures is at fault.*no room for a view"):
        next(iter(loader))
