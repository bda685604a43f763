"""The transforms, in a pipeline of torchvision's: what they change, what they leave, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from maskgen import augment, make_background
from maskgen.augment import Background, Corruption, CorruptMask, Crop, ForegroundCrop, ReplaceBackground
from maskgen.errors import EnvironmentFault, UsageError


def pair(scene: Any, row: int) -> tuple[Any, Any]:
    return tv_tensors.Image(scene.images[row]), tv_tensors.Mask(scene.masks[row])


def test_a_gray_level_stands_behind_the_foreground_whatever_the_photo_is(scene: Any) -> None:
    change = ReplaceBackground(Background(replace="grey", p=1.0, gray=0.2))
    inside = scene.masks[1, 0]
    photo, mask = pair(scene, 1)
    for given in (
        photo,
        functional.to_pil_image(photo),
        functional.to_dtype(photo, torch.float32, scale=True),
    ):
        made, same = change(given, mask)
        assert type(made) is type(given)
        assert torch.equal(same, mask)
        levels = functional.to_dtype(functional.to_image(made), torch.uint8, scale=True)
        assert (levels[:, inside] == 110).all()
        assert (levels[:, ~inside] == 51).all()


def test_a_background_of_the_list_stands_behind_it(scene: Any) -> None:
    behind = [Image.new("RGB", (50, 40), (level,) * 3) for level in (60, 70, 80)]
    change = ReplaceBackground(Background(replace="donor", p=1.0), behind)
    inside, seen = scene.masks[0, 0], set()
    torch.manual_seed(0)
    for _ in range(20):
        made, _ = change(*pair(scene, 0))
        assert (made[:, inside] == 100).all()
        assert len(made[:, ~inside].unique()) == 1
        seen.add(int(made[0, 0, 0]))
    assert seen == {60, 70, 80}
    made, _ = ReplaceBackground(Background(replace="donor", p=1.0), lambda: behind[1])(*pair(scene, 0))
    assert int(made[0, 0, 0]) == 70


def test_p_is_the_share_and_a_photo_without_a_foreground_stays(scene: Any) -> None:
    torch.manual_seed(0)
    change = ReplaceBackground(Background(replace="grey", p=0.3, gray=1.0))
    hits = sum(int(change(*pair(scene, 0))[0][0, 0, 0]) == 255 for _ in range(400))
    assert 90 < hits < 150
    always = ReplaceBackground(Background(replace="grey", p=1.0, gray=1.0))
    assert torch.equal(always(*pair(scene, 3))[0], scene.images[3])


def test_a_crop_takes_photo_mask_and_boxes_alike(scene: Any) -> None:
    torch.manual_seed(0)
    box = tv_tensors.BoundingBoxes([[8, 4, 20, 12]], format="XYXY", canvas_size=(24, 32))  # type: ignore[call-overload]
    crop = ForegroundCrop(48, Crop(scale=(0.2, 0.4), fg_min=0.5))
    for _ in range(10):
        photo, mask, moved = crop(*pair(scene, 0), box)
        assert tuple(photo.shape[-2:]) == tuple(mask.shape[-2:]) == (48, 48)
        assert mask.any()
        lit = (photo[0] > 50).float().mean() - mask.float().mean()
        assert abs(float(lit)) < 0.05
        rows = mask[0].any(dim=1).nonzero()
        assert abs(int(rows[0]) - float(moved[0, 1])) <= 2


def test_several_masks_are_one_foreground(scene: Any) -> None:
    photo, _ = pair(scene, 0)
    masks = torch.zeros(2, 24, 32, dtype=torch.bool)
    masks[0, :5], masks[1, -5:] = True, True
    made, same = ReplaceBackground(Background(replace="grey", p=1.0, gray=1.0))(photo, tv_tensors.Mask(masks))
    assert (made[:, 5:-5] == 255).all()
    assert torch.equal(made[:, :5], photo[:, :5])
    assert torch.equal(made[:, -5:], photo[:, -5:])
    assert same.shape == masks.shape


def test_a_spoiled_mask_and_its_photo(scene: Any) -> None:
    photo, mask = CorruptMask(Corruption(change="centred_rectangle", amount=0.25))(*pair(scene, 0))
    assert torch.equal(photo, scene.images[0])
    assert abs(float(mask.float().mean()) - 0.25) < 0.05
    assert isinstance(mask, tv_tensors.Mask)


def test_it_stands_in_a_pipeline_of_torchvisions(scene: Any) -> None:
    chain = v2.Compose(
        [
            ForegroundCrop(16),
            ReplaceBackground(Background(replace="grey", p=0.5)),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    sample = {"image": pair(scene, 0)[0], "mask": pair(scene, 0)[1], "label": 3}
    made = chain(sample)
    assert made["label"] == 3
    assert made["image"].shape == (3, 16, 16)


def test_arrays_of_make_background_stand_behind_it(scene: Any) -> None:
    behind = make_background(
        "tiled", np.full((40, 50, 3), (10, 20, 30), np.uint8), np.eye(40, 50, dtype=np.bool_)
    )
    made, _ = ReplaceBackground(Background(replace="donor", p=1.0), [behind])(*pair(scene, 0))
    outside = made[:, ~scene.masks[0, 0]]
    assert outside.unique(dim=1).flatten().tolist() == [10, 20, 30]


def test_a_plain_tensor_is_a_photo_where_torchvision_takes_it_for_one(scene: Any) -> None:
    photo, mask = pair(scene, 0)
    change = ReplaceBackground(Background(replace="grey", p=1.0, gray=1.0))
    expected, _ = change(photo, mask)
    made, _, label = change(photo.as_subclass(torch.Tensor), mask, torch.tensor(3))
    assert type(made) is torch.Tensor
    assert torch.equal(made, expected)
    assert int(label) == 3
    extra = torch.zeros(3, 9, 9)
    made, _, same = change(photo, mask, extra)
    assert torch.equal(made, expected)
    assert same is extra
    cut, _ = ForegroundCrop(16)(photo.as_subclass(torch.Tensor), mask)
    assert cut.shape == (3, 16, 16)


@pytest.mark.parametrize(
    "change", [ReplaceBackground(Background(replace="grey", p=1.0)), ForegroundCrop(16)], ids=["grey", "crop"]
)
def test_a_photo_that_would_stay_as_it_is_or_be_cut_elsewhere_is_refused(scene: Any, change: Any) -> None:
    photo, mask = pair(scene, 0)
    for given in ((photo.numpy(), mask), (mask,), (torch.tensor(3), photo.as_subclass(torch.Tensor), mask)):
        with pytest.raises(UsageError, match="was given no photo"):
            change(*given)
    with pytest.raises(UsageError, match="a mask of 24 x 31 px beside a photo of 24 x 32 px"):
        change(photo, tv_tensors.Mask(mask[..., :-1]))


def test_a_faint_part_of_a_soft_mask_is_no_foreground(scene: Any) -> None:
    photo, _ = pair(scene, 0)
    faint = torch.zeros(1, 24, 32, dtype=torch.uint8)
    faint[..., :2, :] = 1
    with pytest.warns(UserWarning, match="shows no foreground here"):
        made, same = ReplaceBackground(Background(replace="grey", p=1.0))(photo, tv_tensors.Mask(faint))
    assert torch.equal(made, photo)
    assert torch.equal(same, faint)


def test_what_does_not_fit_is_refused(scene: Any) -> None:
    photo, mask = pair(scene, 0)
    for size in (0, (16, 16)):
        with pytest.raises(UsageError, match="a crop has no size"):
            ForegroundCrop(size)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="reach from 0 to 100"):
        ReplaceBackground(Background(replace="grey", p=1.0))(tv_tensors.Image(photo.float()), mask)
    with pytest.raises(UsageError, match="was given no mask"):
        ReplaceBackground(Background(replace="grey", p=1.0))(photo)
    with pytest.raises(UsageError, match="none were given"):
        ReplaceBackground(Background(replace="donor", p=1.0), [])
    with pytest.raises(UsageError, match="another view's crop"):
        ForegroundCrop(16, Crop(overlap_of=0))
    with pytest.raises(UsageError, match="no value above 1"):
        ForegroundCrop(16)(photo, tv_tensors.Mask(mask.to(torch.uint8)))
    with pytest.raises(UsageError, match="how sure they are"):
        ReplaceBackground(Background(replace="grey", p=1.0, min_confidence=0.5))


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(augment, "import_module", missing)
    monkeypatch.delitem(vars(augment), "compose", raising=False)
    with pytest.raises(EnvironmentFault, match=r"need torch(.|\n)*maskgen\[train\]"):
        _ = augment.compose
