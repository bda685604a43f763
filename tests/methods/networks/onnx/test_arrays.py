"""What goes into a model and what comes out, worked by hand in every runtime."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx_models import RAW, RUNTIMES, SIDE, channels, helper, maps, photo, split, tiny
from PIL import Image
from torch.nn import functional

from maskgen.errors import ImageFault, UsageError
from maskgen.methods.networks.onnx.arrays import planes
from maskgen.methods.networks.onnx.declaration import (
    KNOWN,
    NetworkOutput,
)


def authors_u2net(image: Image.Image) -> NDArray[Any]:
    from skimage.transform import resize

    small = resize(np.asarray(image), (320, 320), order=1, mode="constant", anti_aliasing=False)
    return (small / small.max() - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def authors_isnet(image: Image.Image) -> NDArray[Any]:
    x = torch.tensor(np.asarray(image), dtype=torch.float32).permute(2, 0, 1)[None]
    small = functional.interpolate(x, (1024, 1024), mode="bilinear", align_corners=False)
    return small[0].permute(1, 2, 0).numpy() / 255 - 0.5  # theirs truncates to whole pixel values before


def authors_birefnet(image: Image.Image) -> NDArray[Any]:
    small = np.asarray(image.resize((1024, 1024), Image.Resampling.BILINEAR), np.float64)
    return (small / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "authors"),
    [
        ("u2net", authors_u2net),
        ("isnet", authors_isnet),
        ("birefnet", authors_birefnet),
        ("inspyrenet", authors_birefnet),  # the same by their code
    ],
)
def test_known_networks_prepare_photos_as_their_authors_do(
    name: str, authors: Callable[[Image.Image], NDArray[Any]]
) -> None:
    from skimage import data

    image = Image.fromarray(data.coffee()[:, 20:480])
    known = KNOWN[name].input
    ours = planes(known.prepare(np.asarray(image))[None], known)[0].transpose(1, 2, 0)
    inner = (slice(2, -2), slice(2, -2))  # where a photo is enlarged, the authors' edge rules differ
    apart = np.abs(ours - authors(image))[inner]
    assert apart.max() < 1.01 / 255 / min(known.std)
    assert apart.mean() < 0.2 / 255 / min(known.std)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_channels_are_planes_in_the_order_rgb_less_mean_over_std(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(-0.1, 0.0, -0.5), std=(2.0, 1.25, 4.0))
    batch = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    batch[0, 1, 2] = (51, 102, 255)  # 0.2, 0.4, 1.0
    wanted = {"red": (0.2 + 0.1) / 2, "green": 0.4 / 1.25, "blue": (1.0 + 0.5) / 4}
    elsewhere = {"red": 0.05, "green": 0.0, "blue": 0.125}
    for index, name in enumerate(wanted):
        for output in (name, index, index - 3):
            got = maps(channels(), batch, runtime, how, NetworkOutput(output))
            assert got.shape == (1, SIDE, SIDE)
            assert got.dtype == np.float32
            assert got[0, 1, 2] == pytest.approx(wanted[name], abs=1e-6)
            assert got[0, 2, 1] == pytest.approx(elsewhere[name], abs=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_divisor_max_is_each_photos_own(runtime: str) -> None:
    batch = np.zeros((3, SIDE, SIDE, 3), np.float32)
    batch[0, 0, 0] = (50, 100, 200)
    batch[1, 0, 0] = (10, 5, 10)  # the third stays black
    got = maps(channels(), batch, runtime, dataclasses.replace(RAW, divisor="max"))
    np.testing.assert_allclose(got[:, 0, 0], [0.25, 1, 0], atol=1e-6)
    got = maps(channels(), batch, runtime)
    np.testing.assert_allclose(got[:, 0, 0], [50 / 255, 10 / 255, 0], atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_sigmoid_and_stretch(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(0.5, 0.5, 0.5), std=(0.05, 0.05, 0.05))
    batch = np.full((1, SIDE, SIDE, 3), 127.5, np.float32)  # logit 0
    batch[0, 0, 0], batch[0, 0, 1] = 0, 255  # logits -10 and 10
    low, high = 1 / (1 + np.exp(10)), 1 / (1 + np.exp(-10))
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "sigmoid"))
    np.testing.assert_allclose(got[0, 0, :3], [low, high, 0.5], atol=1e-6)
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "none", stretch=True))
    np.testing.assert_allclose(got[0, 0, :3], [0, 1, 0.5], atol=1e-6)
    batch[0, 0, 1] = 127.5
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "sigmoid", stretch=True))
    np.testing.assert_allclose(got[0, 0, :3], [0, 1, 1], atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_constant_map_is_empty_when_stretched_and_itself_when_not(runtime: str) -> None:
    batch = np.full((2, SIDE, SIDE, 3), 102, np.uint8)
    assert not maps(channels(), batch, runtime, output=NetworkOutput(stretch=True)).any()
    np.testing.assert_allclose(maps(channels(), batch, runtime), 0.4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("size", ["batch", 1, 3])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_batch_gives_what_its_photos_give_alone(runtime: str, size: int | str, count: int) -> None:
    model = channels(sizes=(size, 3, SIDE, SIDE))
    batch = photo(count)
    np.testing.assert_allclose(maps(model, batch, runtime), batch[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_map_that_is_not_finite_costs_its_photo_only(runtime: str) -> None:
    model = tiny([helper.make_node("Log", ["photo"], ["all"]), split("all")], ["red", "green", "blue"])
    how = dataclasses.replace(RAW, std=(1 / 255,) * 3)
    good, bad = np.full((1, SIDE, SIDE, 3), 2, np.uint8), np.zeros((1, SIDE, SIDE, 3), np.uint8)  # log 0
    with pytest.raises(ImageFault, match="non-finite"):
        maps(model, bad, runtime, how)
    got = maps(model, np.concatenate([good, bad, good]), runtime, how)
    np.testing.assert_allclose(got[:, 0, 0], [np.log(2), np.nan, np.log(2)], atol=1e-5)
    assert np.isnan(got[1]).all()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_logits_that_were_declared_as_a_map_are_found_out(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1))
    with pytest.raises(UsageError, match="sigmoid"):
        maps(channels(), photo(), runtime, how)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_output_that_is_no_map_is_named(runtime: str) -> None:
    model = tiny([helper.make_node("Identity", ["photo"], ["all"])], ["all"])
    with pytest.raises(UsageError, match="16x16 map per photo"):
        maps(model, photo(), runtime)
    for output in (3, -4, "alpha"):
        with pytest.raises(UsageError, match="red, green, blue"):
            maps(channels(), photo(), runtime, output=NetworkOutput(output))
