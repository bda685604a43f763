"""Photos on their way into a network and maps on their way out, against scikit-image, Pillow and torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.transform import resize
from torch.nn import functional

from maskgen.errors import UsageError
from maskgen.methods.network import (
    NetworkInput,
    NetworkMethod,
    resize_antialias,
    resize_map,
    resize_official,
)
from maskgen.types import RGB

SIZES = [(375, 500), (1, 1), (1, 700), (2, 3), (100, 321), (320, 320), (319, 2500)]


def noise(size: tuple[int, int]) -> RGB:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image.setflags(write=False)
    return image


@pytest.mark.parametrize("size", SIZES)
def test_official_resize_equals_scikit_image(size: tuple[int, int]) -> None:
    image = noise(size)
    wanted = resize(image, (320, 320), order=1, mode="constant", anti_aliasing=False)
    np.testing.assert_allclose(resize_official(image, 320) / 255, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [(375, 500), (1, 700), (100, 321), (900, 641)])
def test_antialias_resize_equals_torch(size: tuple[int, int]) -> None:
    image = noise(size)
    x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].double()
    wanted = functional.interpolate(x, size=(320, 320), mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    got = resize_antialias(image, 320)
    assert got.dtype == np.uint8
    np.testing.assert_allclose(got, wanted.numpy(), atol=1.01)  # two roundings


@pytest.mark.parametrize("size", [*SIZES, (640, 960), (100, 700)])
def test_maps_go_back_as_torch_would_resize_them(size: tuple[int, int]) -> None:
    small = np.random.default_rng(1).random((320, 320), np.float32)
    small[:2] = [[0.0], [1.0]]
    x = torch.from_numpy(small)[None, None].double()
    wanted = functional.interpolate(x, size=size, mode="bilinear", antialias=True)[0, 0].numpy()
    got = resize_map(small, *size)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert (got.min(), got.max()) >= (0, 0)
    assert got.max() <= 1
    np.testing.assert_allclose(got, wanted, atol=2e-6)
    rounded = np.round(small * 255).astype(np.uint8)
    np.testing.assert_allclose(resize_map(rounded, *size), wanted, atol=0.5 / 255 + 1e-5)


def test_a_kernel_names_the_type_of_its_pixels() -> None:
    for resize_name, dtype in (("official", np.float32), ("antialias", np.uint8)):
        network_input = NetworkInput(64, resize=resize_name)
        prepared = network_input.prepare(noise((90, 50)))
        assert prepared.dtype == network_input.dtype == dtype
        assert prepared.shape == (64, 64, 3)
    with pytest.raises(UsageError, match="--resize got 'lanczos'"):
        NetworkInput(resize="lanczos")


@pytest.mark.parametrize("kernel", ["official", "antialias"])
def test_a_method_gives_a_mask_of_the_photos_size_in_its_place(kernel: str) -> None:
    def brightness(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return batch.mean(-1, dtype=np.float32) / np.float32(255)

    method = NetworkMethod(NetworkInput(320, resize=kernel), brightness)
    for size in ((1, 1), (1, 90), (60, 3), (240, 330), (700, 400)):
        for photo in (noise(size), np.zeros((*size, 3), np.uint8), np.full((*size, 3), 255, np.uint8)):
            mask = method(photo)
            assert mask.shape == size
            assert mask.dtype == np.float32
            assert 0 <= mask.min() <= mask.max() <= 1
    photo = np.zeros((400, 600, 3), np.uint8)
    photo[100:200, 50:350] = 255  # asymmetric: a transposed or flipped mask would not fit
    rows, columns = np.nonzero(method(photo) > 0.5)
    edges = np.array([rows.min(), rows.max(), columns.min(), columns.max()])
    assert np.abs(edges - [100, 199, 50, 349]).max() <= 1


@pytest.mark.slow
def test_photos_are_prepared_and_maps_finished_without_torch() -> None:
    program = """
import sys
sys.modules["torch"] = None
import numpy as np
from maskgen.methods import MethodOptions, network_input
for resize in ("official", "antialias"):
    photos = network_input("u2netp", MethodOptions(weights="x.pth", resize=resize))
    small = photos.prepare(np.zeros((30, 40, 3), np.uint8))
    print(photos.finish(small[:, :, 0].astype(np.float32), 30, 40).shape, photos.side)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(30, 40) 320\n" * 2
