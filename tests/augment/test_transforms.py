"""The transforms, in a pipeline of torchvision's: what they change, what they leave, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from maskgen.augment import Background, Corruption, CorruptMask, Crop, ForegroundCrop, ReplaceBackground
from maskgen.errors import UsageError


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


def test_what_does_not_fit_is_refused(scene: Any) -> None:
    photo, mask = pair(scene, 0)
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
