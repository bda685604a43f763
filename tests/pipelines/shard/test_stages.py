"""The stages of one image: what each hands on, and that a fault costs this image only."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from stage_kit import planned

from maskgen.errors import EnvironmentFault, ImageFault
from maskgen.io.images.decode import Limits, decode
from maskgen.pipelines.shard.stages import Decoded, Masked, Quarantined, Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards.plan import shard_rows
from maskgen.types import RGB, SoftMask


def test_decoding_keeps_plain_bytes_and_their_hash(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    image = shard_rows(tmp_path / "out", 0)[0]
    with contextlib.closing(Stages(config, plan.members)) as stages:
        found = stages.decode(image)
    data = (tmp_path / "photos" / "p0.jpg").read_bytes()
    assert isinstance(found, Decoded)
    assert (found.photo.verbatim, found.sha256) == (data, hashlib.sha256(data).hexdigest())
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(found.image.astype(int) - expected).max() <= 2


def test_a_short_side_makes_photos_smaller_and_never_larger(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, short_side=20)
    image = shard_rows(tmp_path / "out", 0)[0]
    with contextlib.closing(Stages(config, plan.members)) as stages:
        found = stages.decode(image)
    assert isinstance(found, Decoded)
    assert found.image.shape == (20, 30, 3)
    assert found.photo.verbatim is None


def test_what_is_no_picture_is_quarantined_and_goes_through_all_stages_untouched(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    image = shard_rows(tmp_path / "out", 0)[3]
    with contextlib.closing(Stages(config, plan.members)) as stages:
        found = stages.decode(image)
        assert isinstance(found, Quarantined)
        assert found.sha256 == hashlib.sha256(b"no picture").hexdigest()
        assert stages.finish(stages.mask(found), Watch(list(IDLE))) is found


@pytest.mark.parametrize("accepted", [False, True])
def test_a_photo_that_lost_a_part_is_left_out_or_stored_and_marked(tmp_path: Path, accepted: bool) -> None:
    config, plan = planned(tmp_path, accept_damaged=accepted)
    file = tmp_path / "photos" / "p0.jpg"
    data = file.read_bytes()
    file.write_bytes(
        data[:-300] + b"\xff\xd9" + bytes(298)
    )  # as long as planned; zeros behind the end are legal
    with contextlib.closing(Stages(config, plan.members)) as stages:
        found = stages.decode(shard_rows(tmp_path / "out", 0)[0])
        made = stages.finish(stages.mask(found), Watch(list(IDLE)))
    if not accepted:
        assert isinstance(made, Quarantined)
        assert made.error == "damaged: Corrupt JPEG data: premature end of data segment"
        return
    assert not isinstance(made, Quarantined)
    members = dict(made[0].members)
    facts = json.loads(members["json"])
    assert facts["damage"] == "Corrupt JPEG data: premature end of data segment"
    assert not facts["verbatim"]
    assert decode(members["jpg"], Limits(1 << 20, 1 << 20, 1000)).damage == ""


def test_the_stored_background_is_the_photo_where_the_mask_is_empty(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    image = shard_rows(tmp_path / "out", 0)[1]
    with contextlib.closing(Stages(config, plan.members)) as stages:
        photo = stages.decode(image)
        masked = stages.mask(photo)
        assert isinstance(masked, Masked)
        replaced = stages.fill(masked)
    assert replaced.filled is not None
    hard = masked.mask >= config.options.threshold
    assert hard.any()
    assert np.array_equal(replaced.masks.hard, hard)
    far = cv2.dilate(hard.astype(np.uint8), np.ones((13, 13), np.uint8)) == 0  # margin 2, seam 4
    assert np.array_equal(replaced.filled.image[far], masked.photo.image[far])
    x0, y0, x1, y1 = replaced.free
    assert not hard[min(y0, y1) : max(y0, y1), min(x0, x1) : max(x0, x1)].all()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("three"), "method-error: ZeroDivisionError: three"),
        (ImageFault("non-finite-mask", "NaN"), "non-finite-mask: NaN"),
    ],
)
def test_whatever_a_method_does_costs_its_image(tmp_path: Path, error: Exception, words: str) -> None:
    config, plan = planned(tmp_path)

    def method(image: RGB) -> SoftMask:
        raise error

    with contextlib.closing(Stages(config, plan.members, method)) as stages:
        found = stages.mask(stages.decode(shard_rows(tmp_path / "out", 0)[0]))
    assert isinstance(found, Quarantined)
    assert found.error == words


def test_an_error_that_no_other_image_would_survive_ends_the_run(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)

    def method(image: RGB) -> SoftMask:
        raise EnvironmentFault("no GPU any more")

    stages = Stages(config, plan.members, method)
    photo = stages.decode(shard_rows(tmp_path / "out", 0)[0])
    with pytest.raises(EnvironmentFault, match="no GPU any more"), contextlib.closing(stages):
        stages.mask(photo)
