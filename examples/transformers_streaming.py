"""Hugging Face's Trainer on shards that are streamed, with backgrounds made gray.

python examples/transformers_streaming.py "shards/*.tar" --classes 1000 --steps 100000

BG_RM: Ryali et al., 2.1, https://arxiv.org/abs/2103.12719. The files may lie on the Hub: hf://datasets/...
The shards need labels. It needs datasets, transformers and accelerate.
"""

import argparse
from glob import glob
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from maskgen.augment import Background, ForegroundCrop, ReplaceBackground

parser = argparse.ArgumentParser(description="Hugging Face's Trainer on streamed shards.")
parser.add_argument("files")
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--output", default="vit")
words = parser.parse_args()

views = v2.Compose(
    [
        v2.ToImage(),
        ForegroundCrop(224),
        v2.RandomHorizontalFlip(),
        ReplaceBackground(Background(replace="grey", p=0.2)),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.5] * 3, [0.5] * 3),
    ]
)


def view(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the shards as the model takes it."""
    photo = row["jpg"].convert("RGB")
    mask = np.array(row["mask.png"].convert("L").resize(photo.size))  # stored smaller, in some shards
    pixels, _ = views(photo, tv_tensors.Mask(torch.from_numpy(mask)))
    return {"pixel_values": pixels, "labels": row["cls"]}


if "://" not in words.files and not glob(words.files):  # noqa: PTH207 - the path may be absolute
    raise SystemExit(f"no file fits {words.files}")
rows = load_dataset("webdataset", data_files={"train": words.files}, split="train", streaming=True)
if "cls" not in rows.column_names:
    raise SystemExit("these shards have no labels: maskgen run --labels folder takes them from folders")
rows = rows.shuffle(seed=0, buffer_size=1000).map(view, remove_columns=rows.column_names)
size = {"hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3, "intermediate_size": 768}
model = ViTForImageClassification(ViTConfig(num_labels=words.classes, **size))  # ViT-Ti
counts = {"max_steps": words.steps, "per_device_train_batch_size": words.batch_size}
settings = TrainingArguments(words.output, **counts, report_to="none")
print(f"loss {Trainer(model, settings, train_dataset=rows).train().training_loss:.4f}")
