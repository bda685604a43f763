"""torchvision's Mask R-CNN learns to find the foreground of photos, from masks that nobody drew.

maskgen export shards/ --to coco coco/
python examples/detection.py photos/ coco/annotations.json --steps 10000

He et al., ICCV 2017, https://arxiv.org/abs/1703.06870. It needs pycocotools.
"""

import argparse
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.transforms import v2

parser = argparse.ArgumentParser(description="Mask R-CNN on exported masks.")
parser.add_argument("photos", type=Path)
parser.add_argument("annotations", type=Path)
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--batch-size", type=int, default=2)
parser.add_argument("--side", type=int, default=800)
words = parser.parse_args()

transforms = v2.Compose(
    [
        v2.ToImage(),
        v2.RandomPhotometricDistort(p=1),
        v2.RandomHorizontalFlip(),
        v2.ToDtype(torch.float32, scale=True),
        v2.SanitizeBoundingBoxes(labels_getter=lambda inputs: [inputs[1]["labels"], inputs[1]["masks"]]),
    ]
)
photos = CocoDetection(str(words.photos), str(words.annotations), transforms=transforms)
photos.ids = [number for number in photos.ids if photos.coco.getAnnIds(number)]  # those with foreground
data = wrap_dataset_for_transforms_v2(photos, target_keys=("boxes", "labels", "masks"))
loader = DataLoader(
    data, words.batch_size, shuffle=True, collate_fn=lambda rows: tuple(zip(*rows, strict=True))
)

model = maskrcnn_resnet50_fpn(
    weights=None, weights_backbone=None, num_classes=2, min_size=words.side, max_size=words.side * 2
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9, weight_decay=1e-4)
model.train()
step = 0
while step < words.steps:
    for images, targets in loader:
        losses = model(images, targets)
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        step += 1
        print(f"step {step}: " + "  ".join(f"{name} {value.item():.3f}" for name, value in losses.items()))
        if step == words.steps:
            break
