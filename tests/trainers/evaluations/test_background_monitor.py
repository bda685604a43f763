"""Background reliance: worked by hand for networks that see one thing only, and the training's bits stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from maskgen.errors import UsageError
from maskgen.loaders import open_dataset
from maskgen.trainers.datasets.photos import open_training
from maskgen.trainers.evaluations import background_monitor
from maskgen.trainers.evaluations.background_monitor import (
    BackgroundMonitor,
    Squares,
    central_square,
    pair_reliance,
)
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.run import train
from maskgen.trainers.settings import Settings
from maskgen.trainers.training.log import read

CPU = torch.device("cpu")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
GRAY = (128, 128, 128)


def scene(object_: tuple[int, int, int], background: tuple[int, int, int]) -> tuple[NDArray, NDArray]:
    """48 x 64 px with a square object in the middle."""
    photo = np.full((48, 64, 3), background, np.uint8)
    mask = np.zeros((48, 64), np.bool_)
    mask[16:32, 24:40] = True
    photo[mask] = object_
    return photo, mask


def squares(*scenes: tuple[NDArray, NDArray]) -> Squares:
    photos, masks, behind = zip(*(central_square(*one, 24) for one in scenes), strict=True)
    return Squares(
        torch.from_numpy(np.stack(photos)).movedim(3, 1),
        torch.from_numpy(np.stack(masks)),
        torch.from_numpy(np.stack(behind)).movedim(3, 1),
    )


def at(row: int, column: int) -> object:
    """A network that sees one pixel, as a color of which black and ImageNet's mean differ."""

    def features(images: Tensor) -> Tensor:
        deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        return (images * deviation + mean)[:, :, row, column].round()

    return features


@pytest.mark.parametrize(("pixel", "want"), [((0, 0), (1, 0)), ((12, 12), (0, 1))])
def test_a_network_of_one_pixel_relies_on_what_is_there(
    pixel: tuple[int, int], want: tuple[int, int]
) -> None:
    """All colors differ, so that unlike pixels have cosine 0."""
    pair = squares(scene(RED, GREEN), scene(BLUE, RED))
    found = pair_reliance(at(*pixel), pair)  # type: ignore[arg-type]
    assert found.tolist() == [pytest.approx(want, abs=1e-6)]


def test_likeness_that_photos_have_anyway_does_not_count() -> None:
    pair = squares(scene(RED, GREEN), scene(BLUE, GREEN))
    assert pair_reliance(at(0, 0), pair).tolist() == [pytest.approx((0, 0), abs=1e-6)]  # type: ignore[arg-type]


def test_the_pictures_are_those_of_the_formula() -> None:
    """f(i), f(j/i), f(i/j), f(j) as the network gets them, by pixels in the corner and in the middle."""
    seen: list[Tensor] = []

    def features(images: Tensor) -> Tensor:
        seen.append(images)
        return images.flatten(1)

    pair_reliance(features, squares(scene(RED, GREEN), scene(BLUE, GRAY)))
    corner = [at(0, 0)(batch).tolist() for batch in seen]  # type: ignore[operator]
    middle = [at(12, 12)(batch).tolist() for batch in seen]  # type: ignore[operator]
    red, green, blue, gray = ([float(value > 100) for value in color] for color in (RED, GREEN, BLUE, GRAY))
    assert corner == [[green, gray], [green], [gray]]
    assert middle == [[red, blue], [blue], [red]]


def test_a_pair_with_an_object_that_does_not_show_has_no_number() -> None:
    empty = (scene(RED, GREEN)[0], np.zeros((48, 64), np.bool_))
    beside = np.zeros((48, 64), np.bool_)
    beside[:, :7] = True  # outside of the central square
    cut = (scene(RED, GREEN)[0], beside)
    for odd in (empty, cut):
        found = pair_reliance(at(0, 0), squares(scene(RED, GREEN), odd, scene(BLUE, RED), scene(RED, BLUE)))  # type: ignore[arg-type]
        assert found.isnan().all(1).tolist() == [True, True, False]


@pytest.mark.slow
def test_each_photo_meets_the_next_and_the_method_is_left_as_it_was(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = find_preset("simclr", "smoke")
    method = METHODS["simclr"](preset)
    settings = Settings(data=str(shards), output=shards / "unused")
    before, state = method.state_dict(), torch.get_rng_state()
    before = {name: value.clone() for name, value in before.items()}
    looks = []
    for most, together in ((20, 64), (20, 7)):
        monkeypatch.setattr(background_monitor, "MOST", most)
        monkeypatch.setattr(background_monitor, "_TOGETHER", together)
        look = BackgroundMonitor.open(open_dataset(shards), preset, settings, CPU)
        looks.append(look.measure(method))
    assert looks[0] == pytest.approx(looks[1], abs=1e-6), "however the photos are parted"
    assert looks[0].keys() == {"background_reliance", "foreground_reliance"}
    assert method.training
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.slow
def test_a_training_that_looks_has_the_same_bits(shards: Path, tmp_path: Path) -> None:
    preset = with_overrides(find_preset("simclr", "smoke"), {"epochs": "2", "batch_size": "18"})
    for every in (0, 2):
        folder = tmp_path / str(every)
        settings = Settings(data=str(shards), output=folder, loader="torch", reliance_every=every)
        train(preset, settings, say=lambda _text: None, echo=lambda _line: None)
    plain, looking = (load_file(tmp_path / name / "backbone.safetensors") for name in ("0", "2"))
    assert all(torch.equal(value, looking[name]) for name, value in plain.items())
    seen = [one for one in read(tmp_path / "2/metrics.jsonl") if "background_reliance" in one]
    assert [record["epoch"] for record in seen] == [2]
    assert -2 <= seen[0]["background_reliance"] <= 2


def test_photos_without_masks_are_refused(tmp_path: Path, shards: Path) -> None:
    (tmp_path / "photos").mkdir()
    import cv2

    for number in range(4):
        cv2.imwrite(str(tmp_path / f"photos/{number}.jpg"), np.full((32, 32, 3), 9 * number, np.uint8))
    settings = Settings(data=f"folder:{tmp_path / 'photos'}", output=tmp_path / "run")
    with pytest.raises(UsageError, match=r"no masks(?s:.*)--reliance-every 0"):
        BackgroundMonitor.open(open_training(settings), find_preset("simclr", "smoke"), settings, CPU)
