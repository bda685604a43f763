"""SimSiam in a plain loop over the views of the shards.

Chen and He, CVPR 2021, https://arxiv.org/abs/2011.10566.

python examples/train_simsiam.py shards/ --epochs 100 --device cuda

It needs the part `train` and 64 photos, a batch; for the photos of `make demo` give --batch-size 8.

`train-ssl simsiam` has checkpoints, many GPUs, metrics and the paper's settings; this shows the loader alone.
"""

import argparse

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from torchvision.models import resnet18

import maskgen


def distance(prediction: Tensor, projection: Tensor) -> Tensor:
    """Negative cosine similarity of (B, D) and (B, D), without a gradient through the second."""
    return -cosine_similarity(prediction, projection.detach()).mean()


def main() -> None:
    """Train, and print the loss of each epoch."""
    parser = argparse.ArgumentParser(description="SimSiam in a plain loop.")
    parser.add_argument("shards")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()

    loader = maskgen.TorchLoader(
        arguments.shards, arguments.batch_size, recipe="simsiam", device=arguments.device, output="float32"
    )
    encoder = resnet18(num_classes=256)
    predictor = nn.Sequential(nn.Linear(256, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 256))
    network = nn.ModuleList([encoder, predictor]).to(arguments.device)
    rate = 0.05 * arguments.batch_size / 256
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)

    for epoch in range(arguments.epochs):
        loader.set_epoch(epoch)
        total = 0.0
        for batch in loader:
            first, second = (encoder(view) for view in batch["views"])
            loss = (distance(predictor(first), second) + distance(predictor(second), first)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(loader):.4f}")


if __name__ == "__main__":
    main()
