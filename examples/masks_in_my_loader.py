"""Masks of the shards beside the photos of a data loader of your own.

A torch Dataset over a folder of photos.

python examples/masks_in_my_loader.py photos/ shards/
"""

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.tv_tensors import Image as Picture
from torchvision.tv_tensors import Mask

import maskgen


class MaskedPhotos(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Photos and their masks, cropped and flipped together."""

    def __init__(self, photos: Path, shards: Path) -> None:
        self.photos, self.masks = photos, maskgen.MaskReader(shards)
        self.keys = list(self.masks.keys())
        first = photos / self.masks.record(self.keys[0])["source"]
        if not first.is_file():
            raise FileNotFoundError(f"{first} is not there: give the folder that the shards were made of")
        crop = v2.RandomResizedCrop(96, scale=(0.4, 1.0), antialias=True)
        self.transform = v2.Compose([crop, v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        key = self.keys[number]
        source = self.photos / self.masks.record(key)["source"]
        photo = v2.functional.pil_to_tensor(Image.open(source).convert("RGB"))
        foreground = torch.from_numpy(self.masks.hard(key).astype("uint8"))  # at the photo's size
        picture, mask = self.transform(Picture(photo), Mask(foreground[None]))
        return picture, mask


def main() -> None:
    """Print how much of each batch is foreground."""
    parser = argparse.ArgumentParser(description="Masks in a data loader of your own.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("shards", type=Path)
    arguments = parser.parse_args()
    try:
        dataset = MaskedPhotos(arguments.photos, arguments.shards)
    except (maskgen.MaskgenError, FileNotFoundError) as error:
        parser.error(str(error))
    for pictures, masks in DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2):
        print(f"{tuple(pictures.shape)} pictures, {masks.float().mean():.0%} foreground")


if __name__ == "__main__":
    main()
