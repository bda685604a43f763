"""The exported network: a method, its side file, half its size, and the network of any round."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do

from maskgen.errors import UsageError
from maskgen.methods import MethodOptions, make_method
from maskgen.pipelines.distill.results.export import export
from maskgen.pipelines.distill.run import RunHooks
from maskgen.pipelines.distill.settings.settings import read_settings
from maskgen.pipelines.distill.training.phase import Hardware
from maskgen.pipelines.distill.work_folder import open_work_folder

pytestmark = pytest.mark.slow


def test_the_checkpoint_is_a_method(finished: Path) -> None:
    method = make_method("deepusps", MethodOptions(weights=str(finished / "deepusps.safetensors")))
    mask = method(np.full((50, 70, 3), 90, np.uint8))
    assert (mask.shape, mask.dtype) == ((50, 70), np.float32)
    assert 0 <= mask.min() <= mask.max() <= 1


def test_the_side_file_says_how_it_was_made(finished: Path, discs: Path) -> None:
    facts = json.loads((finished / "deepusps.json").read_text())
    weights = (finished / "deepusps.safetensors").read_bytes()
    assert facts["weights"]["sha256"] == hashlib.sha256(weights).hexdigest()
    for photo in facts["photos"]:
        assert photo["sha256"] == hashlib.sha256((discs / photo["path"]).read_bytes()).hexdigest()
    lines = "".join(f"{photo['sha256']}\n" for photo in facts["photos"])
    assert facts["data"] == hashlib.sha256(lines.encode()).hexdigest()
    assert facts["preset"]["fusion"]["epochs"] == len(facts["epochs"]) == 2
    length = int.from_bytes(weights[:8], "little")
    metadata = json.loads(weights[8 : 8 + length])["__metadata__"]
    assert metadata == {
        "maskgen": "deepusps",
        "network": facts["preset"]["network"],
        "side": "32",
        "preset": "test",
        "data": facts["data"],
    }


def test_half_precision_is_half_the_size_and_the_same_masks(finished: Path, tmp_path: Path) -> None:
    work = open_work_folder(finished)
    target = export(work, read_settings(work), tmp_path / "half.safetensors", half=True)
    full = finished / "deepusps.safetensors"
    assert 0.49 < target.stat().st_size / full.stat().st_size < 0.52
    facts = json.loads(target.with_suffix(".json").read_text())
    assert facts["weights"]["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    one, other = (
        make_method("deepusps", MethodOptions(weights=str(path), refine="none"))(photo)
        for path in (full, target)
    )
    np.testing.assert_allclose(one, other, atol=0.02)
    assert not np.array_equal(one, other)


def test_networks_of_rounds_are_kept_when_asked_for(copy: Path, tmp_path: Path) -> None:
    work = do(copy, hooks=RunHooks(workers=1, hardware=Hardware(threads=1, keep_networks=True)))
    target = export(work, read_settings(work), tmp_path / "rbd1.safetensors", "rbd-round-1")
    first = make_method("deepusps", MethodOptions(weights=str(target)))
    last = make_method("deepusps", MethodOptions(weights=str(copy / "deepusps.safetensors")))
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    assert not np.array_equal(first(photo), last(photo))
    with pytest.raises(UsageError, match="not in this folder"):
        export(work, read_settings(work), tmp_path / "x.safetensors", "dsr-round-1")
    with pytest.raises(UsageError, match="ends in"):
        export(work, read_settings(work), tmp_path / "x.pt")
