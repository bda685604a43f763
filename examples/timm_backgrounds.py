"""A supervised training with timm's parts, in which a photo may stand on another photo's background.

python examples/timm_backgrounds.py shards/ --model resnet50 --epochs 100

BG_Random: Ryali et al., 2.2, https://arxiv.org/abs/2103.12719. The shards need labels. It needs timm.
"""

import argparse

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, Mixup
from timm.loss import SoftTargetCrossEntropy
from timm.models import create_model
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from maskgen.augment import Background, ForegroundCrop, ReplaceBackground
from maskgen.loaders import ShardDataset

parser = argparse.ArgumentParser(description="A supervised training with timm's parts.")
parser.add_argument("shards")
parser.add_argument("--model", default="resnet18")
for name, value in (("--epochs", 1), ("--batch-size", 128), ("--side", 224)):
    parser.add_argument(name, type=int, default=value)
words = parser.parse_args()
plain = ShardDataset(words.shards, backgrounds=True)


def other() -> torch.Tensor:
    """The background of some photo."""
    background: torch.Tensor = plain[int(torch.randint(len(plain), ()))]["background"]
    return background


views = [
    ForegroundCrop(words.side),
    v2.RandomHorizontalFlip(),
    ReplaceBackground(Background(replace="donor", p=0.2), other),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
]
data = ShardDataset(words.shards, hard=True, transform=v2.Compose(views))
loader = DataLoader(data, words.batch_size, shuffle=True, drop_last=True)
if not (classes := 1 + int(plain.labels.max())):
    raise SystemExit("these shards have no labels: maskgen run --labels folder takes them from folders")
model = create_model(words.model, num_classes=classes)
optimizer = create_optimizer_v2(model, opt="lamb", lr=5e-3, weight_decay=0.02)
scheduler, epochs = create_scheduler_v2(optimizer, num_epochs=words.epochs, warmup_epochs=0)
mix, criterion = Mixup(mixup_alpha=0.2, num_classes=classes), SoftTargetCrossEntropy()
for epoch in range(epochs):
    for batch in loader:
        images, targets = mix(batch["image"], batch["label"])
        loss = criterion(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step(epoch + 1)
    print(f"epoch {epoch}: loss {loss.item():.4f}")
