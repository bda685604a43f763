from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop, v2

from maskgen.errors import UsageError
from maskgen.trainers.probes.features import Extractor, FeatureStore, InputTransform, default_share
from maskgen.trainers.probes.images import center_crop, open_images, random_crop
from maskgen.trainers.probes.knn import knn_accuracy


def slowly(
    bank: torch.Tensor,
    classes: list[int],
    queries: torch.Tensor,
    truth: list[int],
    k: int,
    t: float,
    own: bool,
) -> float:
    """The definition, one image and one neighbor at a time."""
    right = 0
    for i, query in enumerate(queries):
        cosines = [float(query @ row / query.norm() / row.norm()) for row in bank]
        order = sorted((j for j in range(len(bank)) if not (own and i == j)), key=lambda j: -cosines[j])[:k]
        votes: dict[int, float] = {}
        for j in order:
            votes[classes[j]] = votes.get(classes[j], 0) + np.exp(cosines[j] / t)
        right += max(sorted(votes), key=lambda c: votes[c]) == truth[i]
    return right / len(queries)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("temperature", [0.07, 10.0])
def test_it_is_the_definition(own: bool, temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    bank = torch.randn(60, 6, generator=generator)
    classes = torch.randint(0, 4, (60,), generator=generator)
    queries = bank if own else torch.randn(30, 6, generator=generator)
    truth = classes if own else torch.randint(0, 4, (30,), generator=generator)
    test = None if own else (queries, truth)
    found = knn_accuracy((bank, classes), test, ks=(1, 3, 17, 1000), temperature=temperature)
    for k, accuracy in found.items():
        wanted = slowly(bank, classes.tolist(), queries, truth.tolist(), k, temperature, own)
        assert accuracy == pytest.approx(wanted), k


def test_more_images_than_one_chunk_leave_themselves_out() -> None:
    features = torch.eye(3).repeat(1000, 1) + 0.01 * torch.randn(
        3000, 3, generator=torch.Generator().manual_seed(0)
    )
    alone = torch.arange(3000)  # every image is the only one of its class: no neighbor can be right
    assert knn_accuracy((features, alone), None, ks=(5,)) == {5: 0.0}
    assert knn_accuracy((features, alone % 3), None, ks=(5,)) == {5: 1.0}


@pytest.mark.parametrize("bad", [{"ks": ()}, {"ks": (0,)}, {"temperature": 0.0}])
def test_options_out_of_range_are_refused(bad: dict[str, object]) -> None:
    bank = (torch.eye(3), torch.arange(3))
    with pytest.raises(UsageError, match="out of range"):
        knn_accuracy(bank, None, **bad)  # type: ignore[arg-type]


def test_the_center_is_torchvisions_resize_and_center_crop() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (20, 20, 3), np.uint8)
    photo = np.asarray(Image.fromarray(small).resize((512, 512), Image.Resampling.BICUBIC))
    theirs = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(Image.fromarray(photo))
    difference = np.abs(np.asarray(theirs).astype(int) - center_crop(photo, 224, 0.875))
    assert difference.max() <= 1
    assert np.array_equal(
        center_crop(photo[:, :400], 224, 0.875), center_crop(photo[56:456, :400], 224, 0.875)
    )


def test_the_whole_of_a_small_image_is_itself() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert np.array_equal(center_crop(image, 32, default_share(32)), image)
    assert default_share(224) == 0.875


def test_random_crops_have_the_papers_areas_and_flips() -> None:
    image = np.zeros((100, 140, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(140)[None, :], np.arange(100)[:, None]
    rng, areas, flips = np.random.default_rng(0), [], []
    for _ in range(400):
        crop = random_crop(image, 32, rng).astype(float)
        width, height = np.ptp(crop[..., 0]) * 32 / 31, np.ptp(crop[..., 1]) * 32 / 31
        areas.append(width * height / 14000)
        flips.append(crop[0, 0, 0] > crop[0, -1, 0])
    assert 0.4 < np.mean(flips) < 0.6
    assert 0.05 < min(areas) < 0.12
    assert max(areas) > 0.85
    torch.manual_seed(0)
    picture = torch.zeros(3, 100, 140)
    theirs = [RandomResizedCrop.get_params(picture, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(400)]
    assert np.mean(areas) == pytest.approx(np.mean([h * w / 14000 for _, _, h, w in theirs]), abs=0.04)


def test_a_folder_and_its_shards_are_the_same_images(photo_folder: Path, shards: Path) -> None:
    folder, packed = open_images(photo_folder), open_images(shards)
    assert (len(folder), folder.classes) == (54, 3)
    assert np.array_equal(folder.labels, packed.labels)
    difference = np.abs(folder.read(40).astype(int) - packed.read(40))
    assert difference.mean() < 6  # the shards hold JPEGs of these PNGs


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no labeled images(.|\n)*--labels folder"):
        open_images(tmp_path)


class Counted:
    """A network that counts the images it has seen; features are per-channel means."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        self.images += len(inputs)
        return inputs.mean(dim=(2, 3))


def test_features_are_kept_and_damaged_ones_made_again(photo_folder: Path, tmp_path: Path) -> None:
    images, network = open_images(photo_folder), Counted()
    store = FeatureStore(tmp_path, "net", Extractor(network, torch.device("cpu"), batch_size=7))
    transform = InputTransform(side=16, share=1.0)
    first = store.get(images, transform)
    assert (first.shape, network.images) == ((54, 3), 54)
    wanted = images.read(5).reshape(-1, 3).mean(0) / 255
    assert first[5] * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406] == pytest.approx(wanted, abs=0.01)
    assert np.array_equal(store.get(images, transform), first)
    assert network.images == 54
    (path,) = tmp_path.glob("*.npy")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert np.array_equal(store.get(images, transform), first)
    assert network.images == 108


def test_augmented_passes_differ_and_repeat(photo_folder: Path, tmp_path: Path) -> None:
    images = open_images(photo_folder)
    extractor = Extractor(Counted(), torch.device("cpu"), batch_size=64)
    rows = np.arange(len(images))
    one, again, two = (
        extractor.rows(images, rows, InputTransform(side=16, share=1.0, augmented=n)) for n in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
