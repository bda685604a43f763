"""A run whose backgrounds an inpainting model makes: what it is known by, and what a photo gets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "methods" / "networks"))

from inpainting_models import RUNTIMES, blurring
from stage_kit import planned

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.shard.stages import Decoded, Masked, Quarantined, Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.plan import shard_rows


def asked(model: Path, **options: object) -> dict[str, object]:
    return {"background": "onnx", "background_weights": str(model), "background_network": "lama", **options}


def test_the_model_its_declaration_and_its_runtime_are_part_of_what_a_run_is(tmp_path: Path) -> None:
    model, common = tmp_path / "m.onnx", {"dataset": "sample", "output": "x", "method": "box"}
    model.write_bytes(blurring(255))
    first = resolve(make_config({**common, **asked(model)}))
    facts = first.identity("")
    assert facts["background_sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert facts["options"]["background_runtime"] == RUNTIMES[-1]
    assert json.loads(facts["options"]["background_network"])["output_range"] == 255
    assert facts["versions"][RUNTIMES[-1]] == metadata.version(RUNTIMES[-1])
    assert resolve(first.options) == first
    model.write_bytes(blurring(254))
    assert resolve(make_config({**common, **asked(model)})).identity("") != facts
    unused = resolve(make_config({**common, **asked(model, background="telea")}))
    assert unused == resolve(make_config({**common, "background": "telea"}))


def test_without_a_model_it_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="--background onnx needs a declared model"):
        resolve(make_config({"dataset": "sample", "output": "x", "method": "box", "background": "onnx"}))


def test_a_photos_background_is_what_the_model_paints(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(blurring(255))
    config, plan = planned(tmp_path, **asked(tmp_path / "m.onnx", background_runtime="onnxruntime"))
    image = shard_rows(tmp_path / "out", 0)[1]
    with contextlib.closing(Stages(config, plan.members)) as stages:
        photo = stages.decode(image)
        masked = stages.mask(photo)
        assert isinstance(photo, Decoded)
        assert isinstance(masked, Masked)
        filled = stages.fill(masked).filled
        made = stages.finish(masked, Watch(list(IDLE)))
    assert filled is not None
    assert filled.how == "onnx"
    y, x = (side // 2 for side in filled.image.shape[:2])
    seen = photo.image[~(masked.mask >= config.options.threshold)].mean(axis=0)
    assert np.abs(filled.image[y, x] - seen).max() < 25  # the square is 150 levels above its surroundings
    assert not isinstance(made, Quarantined)
    assert json.loads(dict(made[0].members)["json"])["background"] == "onnx"
