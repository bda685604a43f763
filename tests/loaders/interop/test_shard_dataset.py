"""Samples by number: what Pillow reads from the tars, in workers too; damage is named, or counted."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from members import contents
from PIL import Image

from maskgen.errors import UsageError
from maskgen.loaders import BrokenSample, MaskReader, ShardDataset, open_dataset
from maskgen.shards.meta import META

torch = pytest.importorskip("torch")
v2 = pytest.importorskip("torchvision.transforms.v2")


def test_samples_are_what_tarfile_and_pillow_read(drawn: Any) -> None:
    known, masks = contents(drawn.path), MaskReader(drawn.path)
    data = ShardDataset(drawn.path, hard=True, form="arrays")
    assert len(data) == len(drawn.drawings) == 21
    for number, sample in enumerate(data):
        drawing = drawn.drawings[number]
        assert (sample["key"], sample["label"]) == (drawing.key, drawing.label)
        photo = np.asarray(Image.open(io.BytesIO(known[f"{drawing.key}.jpg"])))
        assert np.abs(sample["image"].astype(int) - photo).max() <= 4, "two builds of libjpeg"
        assert np.array_equal(sample["mask"], masks.hard(drawing.key))


def test_backgrounds_differ_from_their_photos_in_the_filled_box_alone(builder: Any) -> None:
    made = builder(samples=6, tiled=True)
    known = contents(made.path)
    for sample in ShardDataset(made.path, backgrounds=True, form="arrays"):
        photo, background = sample["image"], sample["background"]
        y0, x0, y1, x1 = np.frombuffer(known[f"{sample['key']}.meta"], META)[0]["bg_box"].tolist()
        patch = np.asarray(Image.open(io.BytesIO(known[f"{sample['key']}.bg.jpg"])))
        assert np.abs(background[y0:y1, x0:x1].astype(int) - patch).max() <= 4
        outside = np.ones(photo.shape[:2], bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(background[outside], photo[outside])


def test_soft_masks_have_the_photos_size_though_they_are_stored_smaller(builder: Any) -> None:
    made = builder(samples=4, shard_size=4, options={"mask_side": 48})
    data, stored = ShardDataset(made.path, form="arrays"), MaskReader(made.path)
    for sample in data:
        small, full = stored[sample["key"]], sample["mask"]
        assert max(small.shape) == 48
        assert full.shape == sample["image"].shape[:2]
        truth = made.by_key(sample["key"]).mask >= 0.5
        assert ((full >= 128) & truth).sum() / ((full >= 128) | truth).sum() > 0.93


def test_forms_hold_the_same_pixels(drawn: Any) -> None:
    tensors, arrays, pictures = (
        ShardDataset(drawn.path, form=form, hard=True)[3] for form in ("tensors", "arrays", "pillow")
    )
    assert np.array_equal(tensors["image"].permute(1, 2, 0).numpy(), arrays["image"])
    assert np.array_equal(np.asarray(pictures["image"]), arrays["image"])
    assert tensors["mask"].dtype == torch.bool
    assert np.array_equal(tensors["mask"].numpy(), arrays["mask"])
    assert np.array_equal(np.asarray(pictures["mask"]), arrays["mask"].astype(np.uint8) * 255)
    with pytest.raises(UsageError, match="unknown form 'pil'"):
        ShardDataset(drawn.path, form="pil")


def test_a_transform_moves_photo_mask_and_background_alike(drawn: Any) -> None:
    flip = ShardDataset(drawn.path, backgrounds=True, transform=v2.RandomHorizontalFlip(1.0))[5]
    plain = ShardDataset(drawn.path, backgrounds=True)[5]
    for name in ("image", "mask", "background"):
        assert torch.equal(flip[name], plain[name].flip(-1)), name


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_see_every_sample_once(drawn: Any, context: str) -> None:
    data = ShardDataset(drawn.path, form="arrays")
    data[0]  # has open files, which no worker may inherit the places of
    loader = torch.utils.data.DataLoader(
        data, batch_size=4, shuffle=True, num_workers=2, multiprocessing_context=context, collate_fn=list
    )
    found = [sample for batch in loader for sample in batch]
    assert sorted(sample["key"] for sample in found) == [drawing.key for drawing in drawn.drawings]
    for sample in found:
        assert np.array_equal(sample["image"], data[data.number_of(sample["key"])]["image"])


def test_numbers_and_keys_that_there_are_not(drawn: Any) -> None:
    data = pickle.loads(pickle.dumps(ShardDataset(drawn.path, form="arrays")))
    assert data[-1]["key"] == drawn.drawings[-1].key
    for number in (21, -22):
        with pytest.raises(IndexError):
            data[number]
    key = drawn.drawings[3].key
    for wrong in (key, 1.0):
        with pytest.raises(TypeError, match=r"is no number: data.number_of\(key\)"):
            data[wrong]
    assert data[np.int64(data.number_of(key))]["key"] == key
    with pytest.raises(KeyError, match="no sample 'nothing': its photo may be in quarantine"):
        data.number_of("nothing")


def test_labels_are_those_of_the_samples(drawn: Any) -> None:
    data = ShardDataset(drawn.path, form="arrays")
    labels = data.labels
    assert labels.dtype == np.int64
    assert labels.tolist() == [sample["label"] for sample in data]


def test_damage_is_named_or_counted_and_replaced(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    shard, row = dataset.locate(4)
    offset, size = shard.place(row, dataset.members.index("jpg"))
    with dataset.tar(shard).open("r+b") as file:
        file.seek(offset + size // 2)
        file.write(b"\x17" * 9)
    with pytest.raises(BrokenSample, match=shard.keys[row].decode()):
        ShardDataset(copy.path, form="arrays")[4]
    data = ShardDataset(copy.path, form="arrays", on_error="skip")
    found = [sample["key"] for sample in data.__getitems__(range(21))]
    assert found[4] != copy.drawings[4].key
    assert [key for n, key in enumerate(found) if n != 4] == [
        drawing.key for n, drawing in enumerate(copy.drawings) if n != 4
    ]
    assert list(data.broken) == [4]
    assert found == [sample["key"] for sample in ShardDataset(copy.path, form="arrays", on_error="skip")]


def test_what_the_shards_lack_is_said_at_once(builder: Any) -> None:
    bare = builder(samples=3, options={"background": "none"})
    with pytest.raises(UsageError, match=r"no member \.bg\.jpg"):
        ShardDataset(bare.path, backgrounds=True)
    sidecar = builder(samples=3, options={"layout": "sidecar"})
    with pytest.raises(UsageError, match="hold no photos"):
        ShardDataset(sidecar.path)


def test_a_message_names_the_folder_and_not_its_copy_in_a_cache(builder: Any, tmp_path: Path) -> None:
    sidecar = builder(samples=3, options={"layout": "sidecar"})
    with pytest.raises(UsageError, match="hold no photos") as refused:
        ShardDataset(sidecar.path, cache=tmp_path / "cache")
    assert refused.value.where == str(sidecar.path)


def test_lean_samples_are_read_too(lean: Any) -> None:
    masks = MaskReader(lean.path)
    for sample in ShardDataset(lean.path, hard=True, form="arrays"):
        drawing = lean.by_key(sample["key"])
        assert sample["image"].shape == drawing.image.shape
        assert np.array_equal(sample["mask"], masks.hard(drawing.key))
