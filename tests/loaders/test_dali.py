"""The DALI loader against the drawings: every pixel of a drawn photo tells where it came from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.loaders import Batch, DaliLoader, View, open_dataset
from maskgen.shards.coverage import SAT_SCALE

S = 96


def make(path: Any, batch_size: int = 8, *, seed: int = 0, **view: Any) -> DaliLoader:
    values: dict[str, Any] = {"size": S, "bg_rm_p": 0.0, **view}
    return DaliLoader(open_dataset(path), batch_size, view=View(**values), seed=seed)


def views(loader: DaliLoader, epochs: int = 1) -> Iterator[dict[str, Any]]:
    """Each view on its own, as numpy arrays; the image (S, S, 3), the mask (S, S)."""
    for _ in range(epochs):
        for batch in loader:
            for i, key in enumerate(batch["key"]):
                yield {
                    "key": key,
                    "image": batch["image"][i].permute(1, 2, 0).numpy().astype(int),
                    "mask": batch["mask"][i, 0].numpy(),
                    "box": batch["box"][i].numpy().astype(float),
                    "label": int(batch["label"][i]),
                    "removed": bool(batch["removed"][i]),
                }


def equal(one: Batch, two: Batch) -> bool:
    tensors = ("image", "mask", "box", "label", "removed")
    return one["key"] == two["key"] and all(torch.equal(one[t], two[t]) for t in tensors)  # type: ignore[literal-required]


def truth_in_view(mask: np.ndarray[Any, Any], box: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The drawn mask at the centre of each of the view's pixels."""
    steps = (np.arange(S) + 0.5) / S
    rows = np.minimum(((box[0] + steps * box[2]) * mask.shape[0]).astype(int), mask.shape[0] - 1)
    columns = np.minimum(((box[1] + steps * box[3]) * mask.shape[1]).astype(int), mask.shape[1] - 1)
    return mask[rows][:, columns] >= 0.5


@pytest.mark.parametrize("batch_size", [1, 4, 7, 21, 64])
def test_each_sample_once_per_epoch(drawn: Any, batch_size: int) -> None:
    loader = make(drawn.path, batch_size)
    orders = []
    for _ in range(3):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert [len(batch["key"]) for batch in batches[:-1]] == [batch_size] * (len(loader) - 1)
        order = [key for batch in batches for key in batch["key"]]
        assert sorted(order) == [drawing.key for drawing in drawn.drawings]
        orders.append(order)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_order_mixes_the_shards_and_the_samples_in_them(drawn: Any) -> None:
    order = [int(view["key"][1:]) for view in views(make(drawn.path, size=8))]
    first_shard = [number for number in order if number < 6]
    assert first_shard != sorted(first_shard)
    assert [number // 6 for number in order[:6]] != [order[0] // 6] * 6


def test_last_batch_is_smaller_in_every_tensor(drawn: Any) -> None:
    *_, last = make(drawn.path, 8)
    assert last["image"].shape == (5, 3, S, S)
    assert last["mask"].shape == (5, 1, S, S)
    assert (last["box"].shape, last["label"].shape, last["removed"].shape) == ((5, 4), (5,), (5,))
    assert (last["image"].dtype, last["mask"].dtype) == (torch.uint8, torch.uint8)


def test_batches_stay_what_they_are_when_the_loader_goes_on(drawn: Any) -> None:
    loader = make(drawn.path, 4)
    first = next(iter(loader))
    before = first["image"].clone()
    list(loader)
    assert torch.equal(first["image"], before)


def test_same_seed_same_batches(drawn: Any) -> None:
    options = {"bg_rm_p": 0.5, "fg_min": 0.3}
    one, two, other = (make(drawn.path, seed=seed, **options) for seed in (5, 5, 6))
    for _ in range(2):
        for a, b in zip(one, two, strict=True):
            assert equal(a, b)
    assert not equal(next(iter(other)), next(iter(make(drawn.path, seed=5, **options))))


def test_threads_do_not_change_the_batches(drawn: Any) -> None:
    view = View(size=S, bg_rm_p=0.5)
    one, four = (
        DaliLoader(open_dataset(drawn.path), 8, view=view, seed=3, threads=threads) for threads in (1, 4)
    )
    for a, b in zip(one, four, strict=True):
        assert equal(a, b)


def test_left_epoch_is_followed_by_a_whole_one(drawn: Any) -> None:
    loader = make(drawn.path, 4)
    left = iter(loader)
    next(left)
    keys = [key for batch in loader for key in batch["key"]]
    assert sorted(keys) == [drawing.key for drawing in drawn.drawings]
    assert list(left) == [], "the iterator of the left epoch has ended"


def test_view_shows_the_part_of_the_photo_in_its_box(drawn: Any) -> None:
    steps = (np.arange(S) + 0.5) / S
    for view in views(make(drawn.path, scale=(0.2, 0.6))):
        y, x, height, width = view["box"]
        inner = slice(3, -3)  # the drawing's gradients end at the border
        green = view["image"][inner, inner, 1].mean(axis=0) - 255 * (x + steps * width)[inner]
        blue = view["image"][inner, inner, 2].mean(axis=1) - 255 * (y + steps * height)[inner]
        assert np.abs(green).max() < 5
        assert np.abs(blue).max() < 5


def test_mask_is_that_of_the_view(drawn: Any) -> None:
    shares = []
    for view in views(make(drawn.path), epochs=2):
        truth = truth_in_view(drawn.by_key(view["key"]).mask, view["box"])
        assert set(np.unique(view["mask"])) <= {0, 255}
        assert (view["mask"] > 0).sum() == 0 or truth.any()
        if truth.sum() > 200:
            seen = view["mask"] > 0
            shares.append((seen & truth).sum() / (seen | truth).sum())
            red = view["image"][..., 0]
            assert red[seen].mean() > 180 > 75 > red[~seen].mean()
    assert len(shares) > 30
    assert min(shares) > 0.93


@pytest.mark.parametrize("options", [{"binary": True}, {"threshold": 0.2}, {"mask_side": 80}])
def test_mask_follows_the_threshold_of_the_data_set(builder: Any, options: dict[str, Any]) -> None:
    built = builder(samples=12, options=options)
    for view in views(make(built.path, 4)):
        drawing = built.by_key(view["key"])
        soft = drawing.mask >= options.get("threshold", 0.5)
        truth = truth_in_view(soft.astype(float), view["box"])
        if truth.sum() > 300:
            seen = view["mask"] > 0
            assert (seen & truth).sum() / (seen | truth).sum() > 0.9


def test_background_becomes_one_grey_and_the_foreground_stays(drawn: Any) -> None:
    kept = {view["key"]: view for view in views(make(drawn.path, seed=4, bg_rm_p=0.0))}
    greys = set()
    for view in views(make(drawn.path, seed=4, bg_rm_p=1.0)):
        same = kept[view["key"]]
        assert (view["box"] == same["box"]).all()
        assert not same["removed"]
        if not view["removed"]:
            assert (view["image"] == same["image"]).all()
            continue
        background = view["mask"] == 0
        assert (view["image"][~background] == same["image"][~background]).all()
        assert len(np.unique(view["image"][background])) == 1
        greys.add(int(view["image"][background][0, 0]))
    assert len(greys) > 10


def test_photo_without_foreground_keeps_its_background(drawn: Any) -> None:
    removed = {view["key"]: view["removed"] for view in views(make(drawn.path, bg_rm_p=1.0))}
    assert [key for key, gone in removed.items() if not gone] == ["s0004"]


def test_grey_levels_are_uniform(drawn: Any) -> None:
    levels = [
        view["image"][view["mask"] == 0][0, 0]
        for view in views(make(drawn.path, size=16, bg_rm_p=1.0), epochs=12)
        if view["removed"] and (view["mask"] == 0).any()
    ]
    assert len(levels) > 150
    assert stats.kstest(np.array(levels) / 255, "uniform").pvalue > 1e-3
    assert min(levels) < 8
    assert max(levels) > 247


@pytest.mark.parametrize(("grey", "level"), [(0.0, 0), (0.5, 128), (1.0, 255)])
def test_fixed_grey(drawn: Any, grey: float, level: int) -> None:
    for view in views(make(drawn.path, bg_rm_p=1.0, grey=grey)):
        if view["removed"]:
            assert set(np.unique(view["image"][view["mask"] == 0])) <= {level}


def test_share_of_removed_backgrounds(drawn: Any) -> None:
    coins = [
        v["removed"] for v in views(make(drawn.path, size=8, bg_rm_p=0.2), epochs=15) if v["key"] != "s0004"
    ]
    assert stats.binomtest(sum(coins), len(coins), 0.2).pvalue > 1e-3


def test_soft_edge_lies_between_photo_and_grey(drawn: Any) -> None:
    kept = {view["key"]: view for view in views(make(drawn.path, seed=4))}
    between = 0
    for view in views(make(drawn.path, seed=4, bg_rm_p=1.0, grey=0.0, softness=0.6)):
        if not view["removed"]:
            continue
        red = kept[view["key"]]["image"][..., 0]
        share = view["image"][..., 0] / np.maximum(red, 1)
        assert share.max() <= 1.06  # rounding on the darkest red, 20
        inside = share > 0.5 + 1 / 20
        assert (view["mask"][inside] == 255).all(), "half way lies at the threshold"
        assert (view["mask"][share < 0.5 - 1 / 20] == 0).all()
        between += int(((share > 0.1) & (share < 0.9)).sum())
    assert between > 500


def test_crops_hold_the_foreground_asked_for(drawn: Any) -> None:
    def shares(fg_min: float) -> list[float]:
        found = []
        for view in views(make(drawn.path, fg_min=fg_min, size=16), epochs=3):
            mask = drawn.by_key(view["key"]).mask >= 0.5
            y, x, h, w = np.rint(view["box"] * np.tile(mask.shape, 2)).astype(int)
            if mask.any() and (h, w) != mask.shape:
                found.append(mask[y : y + h, x : x + w].sum() / mask.sum())
        return found

    assert min(shares(0.7)) > 0.7 - 0.03 - 4 / SAT_SCALE
    assert min(shares(0.0)) < 0.5


def test_labels(drawn: Any, builder: Any) -> None:
    for view in views(make(drawn.path)):
        assert view["label"] == drawn.by_key(view["key"]).label
    unlabelled = builder(samples=5, labelled=False, options={"background": "none"})
    assert [view["label"] for view in views(make(unlabelled.path, 2))] == [-1] * 5


def test_photo_that_cannot_be_decoded_costs_its_batch_only(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    shard = dataset.shards[1]
    with dataset.tar(shard).open("r+b") as file:
        file.seek(int(shard.offsets[2, 0]))
        file.write(bytes(int(shard.sizes[2, 0])))
    loader = DaliLoader(dataset, 4, view=View(size=16), seed=1)
    for _ in range(4):  # DALIGenericIterator ends for good after the second error
        keys, faults = [], []
        epoch = iter(loader)
        while True:
            try:
                keys += next(epoch)["key"]
            except StopIteration:
                break
            except ShardFault as fault:
                faults.append(fault)
        assert len(faults) == 1
        assert "cannot be decoded" in faults[0].what
        assert "verify" in faults[0].remedy
        assert "s0008" not in keys
        assert len(set(keys)) == len(keys) in (17, 20)  # a full batch or the last one is lost


def test_cut_photo_is_named(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    shard = dataset.shards[0]
    with dataset.tar(shard).open("r+b") as file:
        half = int(shard.sizes[0, 0]) // 2
        file.seek(int(shard.offsets[0, 0]) + half)
        file.write(bytes(int(shard.sizes[0, 0]) - half))
    with pytest.raises(ShardFault, match=r"000000\.tar s0000\.jpg"):
        list(DaliLoader(dataset, 21, view=View(size=16), seed=1))


def test_data_set_without_photos_is_refused(builder: Any) -> None:
    built = builder(samples=3, options={"layout": "sidecar"})
    with pytest.raises(UsageError, match="sidecar"):
        make(built.path)


def test_data_set_without_samples_is_refused(builder: Any) -> None:
    built = builder(samples=2, failed=(0, 1))
    with pytest.raises(UsageError, match="no samples"):
        make(built.path)


@pytest.mark.parametrize("values", [{"batch_size": 0}, {"seed": -1}, {"threads": 0}, {"device": "cuda:0"}])
def test_options_out_of_range(drawn: Any, values: dict[str, Any]) -> None:
    options = {"batch_size": 2, "seed": 0, **values}
    with pytest.raises(UsageError, match="out of range"):
        DaliLoader(open_dataset(drawn.path), view=View(), **options)


@pytest.mark.parametrize("missing", ["nvidia.dali", "torch"])
def test_missing_library_is_named_with_its_remedy(
    drawn: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(EnvironmentFault) as caught:
        make(drawn.path)
    assert missing in str(caught.value)
    assert 'pip install "maskgen[train]"' in caught.value.remedy
    assert caught.value.exit_code == 3


@pytest.mark.gpu
def test_gpu_gives_the_boxes_and_masks_of_the_cpu(drawn: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    dataset, view = open_dataset(drawn.path), View(size=S, bg_rm_p=0.5)
    cpu, gpu = (DaliLoader(dataset, 8, view=view, seed=3, device=device) for device in ("cpu", "gpu"))
    for a, b in zip(cpu, gpu, strict=True):
        assert a["key"] == b["key"]
        assert torch.equal(a["box"], b["box"])
        assert torch.equal(a["removed"], b["removed"])
        assert b["image"].is_cuda
        assert (a["image"].float() - b["image"].cpu().float()).abs().mean() < 2
        assert (a["mask"] != b["mask"].cpu()).float().mean() < 0.005
