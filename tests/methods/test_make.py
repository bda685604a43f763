"""One photo's mask in one line: the same as by the built method, and what is said of wrong arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import UsageError
from maskgen.methods import METHODS, MethodOptions, make, make_mask, make_method

PHOTO = np.random.default_rng(0).integers(90, 110, (40, 60, 3)).astype(np.uint8)
PHOTO[12:30, 20:45] = (200, 60, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, spec in METHODS.items() if spec.prior])
def test_a_mask_is_that_of_the_built_method(name: str) -> None:
    mask = make_mask(name, PHOTO)
    assert mask.shape == (40, 60)
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1
    np.testing.assert_array_equal(mask, make_method(name, MethodOptions())(PHOTO))


def test_the_released_network_needs_nothing_but_the_photo() -> None:
    pytest.importorskip("torch")
    mask = make_mask("deepusps", PHOTO, refine="none")
    assert mask.shape == (40, 60)
    assert mask[12:30, 20:45].mean() > mask[:8].mean() + 0.2


@pytest.mark.slow
def test_a_network_is_loaded_once(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from maskgen.methods.networks.u2net.layers import U2Net

    torch.manual_seed(0)
    weights = tmp_path / "u2netp.pth"
    torch.save(U2Net("u2netp").state_dict(), weights)
    first = make_mask("u2netp", PHOTO, weights=weights, runtime="torch")
    weights.unlink()
    np.testing.assert_array_equal(make_mask("u2netp", PHOTO, weights=str(weights), runtime="torch"), first)
    with pytest.raises(UsageError, match="no such weights file"):
        make_mask("u2netp", PHOTO, weights=weights, runtime="torch", resize="official")


def test_views_are_photos_too() -> None:
    for view in (PHOTO[:, ::-1], PHOTO[::2], np.asfortranarray(PHOTO)):
        np.testing.assert_array_equal(make_mask("mr", view), make_mask("mr", view.copy()))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("photo.jpg", "not a str"),
        ([[1, 2, 3]], "not a list"),
        (Image.new("RGB", (4, 4)), "not a PIL.Image.Image"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), "one photo a call"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "uint8, not float32"),
    ],
)
def test_what_is_no_photo_is_told_in_a_sentence(image: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_mask("box", image)


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("u2nett", {}, "did you mean 'u2net"),
        (3, {}, "unknown mask method '3'"),
        ("u2netp", {}, "needs the path of its weights"),
        ("isnet", {}, "the network needs its model"),
        ("u2netp", {"weights": 3}, "weights takes a path"),
        ("box", {"wieghts": "x"}, "did you mean 'weights'"),
        ("box", {"compile": "yes"}, "compile takes a bool"),
        ("box", {"device": None}, "device takes a str"),
        ("box", {"refine": "sharpen"}, "sharpen"),
        ("u2netp", {"weights": "x.pth", "device": "gpu"}, "device got 'gpu'"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(method: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_mask(method, PHOTO, **options)


def test_at_most_four_methods_are_kept() -> None:
    for refine in ("none", "guided", "crf", "vote", "auto"):
        make_mask("box", PHOTO, refine=refine)
    assert make._build.cache_info().currsize == 4
