"""Masks joined to webdataset's own pipelines over the originals; what has none is counted or an error."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgen.config.run_config import RunConfig
from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import MaskReader, WithMasks
from maskgen.pipelines import run

wds = pytest.importorskip("webdataset")
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]


def write_tar(path: Path, numbers: range, *, prefix: str = "class/") -> None:
    """Photos of a light square, whose place tells the number; keys as others spell them."""
    with tarfile.open(path, "w") as archive:
        for number in numbers:
            picture = np.full((48, 64, 3), 30, np.uint8)
            picture[8 : 8 + number + 4, 5 : 5 + number + 6] = 220
            out = io.BytesIO()
            Image.fromarray(picture).save(out, "PNG")
            member = tarfile.TarInfo(f"{prefix}photo {number}.png")
            member.size = len(out.getvalue())
            archive.addfile(member, io.BytesIO(out.getvalue()))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for part in range(3):
        write_tar(folder / f"part-{part}.tar", range(part * 6, part * 6 + 6))
    return folder


@pytest.fixture(scope="module")
def masks(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks") / "shards"
    options = {"method": "rbd", "background": "none", "layout": "sidecar", "workers": 1}
    run(RunConfig(dataset="webdataset", input=str(originals), output=str(folder), **options))
    return folder


def pipeline(place: str, stage: WithMasks) -> Any:
    return wds.WebDataset(place, shardshuffle=False).decode("rgb8").compose(stage)


@pytest.mark.slow
def test_each_sample_gets_its_own_mask_whatever_the_order(originals: Path, masks: Path) -> None:
    reader = MaskReader(masks)
    stage = WithMasks(masks, hard=True)
    found = list(pipeline(f"{originals}/part-{{2,0,1}}.tar", stage).shuffle(50))
    assert len(found) == len(reader) == 18
    for sample in found:
        number = int(sample["__key__"].rpartition(" ")[2])
        assert np.array_equal(sample["mask"], reader.hard(f"class_photo_{number}"))
        truth = sample["png"][:, :, 0] > 128
        assert (sample["mask"] & truth).sum() / (sample["mask"] | truth).sum() > 0.7
    assert stage.dropped == 0


@pytest.mark.slow
def test_a_photo_without_a_mask_is_counted_or_an_error(originals: Path, masks: Path, tmp_path: Path) -> None:
    write_tar(tmp_path / "more.tar", range(16, 20))
    place = str(tmp_path / "more.tar")
    stage = WithMasks(MaskReader(masks), field="fg")
    with pytest.warns(UserWarning, match="photo 18 has no mask") as told:
        found = list(pipeline(place, stage))
    assert [sample["__key__"] for sample in found] == ["class/photo 16", "class/photo 17"]
    assert stage.dropped == 2
    assert sum("no mask" in str(one.message) for one in told) == 1, "one warning for all"
    assert found[0]["fg"].dtype == np.uint8
    with pytest.raises(ShardFault, match=r"(?s)has no mask.*more.tar class/photo 18.*quarantine"):
        list(pipeline(place, WithMasks(masks, missing="raise")))
    with pytest.raises(UsageError, match="unknown missing='skip'"):
        WithMasks(masks, missing="skip")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*has no mask")
def test_masks_of_other_originals_are_an_error_and_not_an_empty_epoch(masks: Path) -> None:
    foreign = ({"__key__": f"other {n}", "__url__": "foreign.tar"} for n in range(1000))
    with pytest.raises(ShardFault, match="none of the first 100 samples"):
        list(WithMasks(masks)(foreign))
    few = ({"__key__": f"other {n}", "__url__": "foreign.tar"} for n in range(3))
    with pytest.raises(ShardFault, match="none of 3 samples has a mask"):
        list(WithMasks(masks)(few))


@pytest.mark.slow
def test_workers_join_for_themselves(originals: Path, masks: Path) -> None:
    torch = pytest.importorskip("torch")
    data = pipeline(f"{originals}/part-{{0..2}}.tar", WithMasks(masks)).to_tuple("__key__", "mask")
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=2)
    reader, found = MaskReader(masks), list(loader)
    assert len({key for key, _ in found}) == len(found) == 18
    assert all(np.array_equal(mask, reader[key.replace("/", "_").replace(" ", "_")]) for key, mask in found)
