"""SimCLR or MoCo v2 in Lightning, with lightly's heads and losses, on views with other backgrounds.

Chen et al., https://arxiv.org/abs/2002.05709 and https://arxiv.org/abs/2003.04297; BG_Random: Ryali et al.,
https://arxiv.org/abs/2103.12719. It needs lightly and lightning.
"""

import argparse
import copy

import lightning
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torchvision.models import resnet18

from maskgen.loaders import Batch, TorchLoader

RECIPES = {"simclr": "simclr", "moco": "mocov2-bg-random"}


class Contrastive(lightning.LightningModule):
    """One encoder for both views, or with `moco` a second one that follows the first."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.query, moco = resnet18(), method == "moco"
        self.query.fc = MoCoProjectionHead(512, 512, 128) if moco else SimCLRProjectionHead(512, 512, 128)
        self.key = copy.deepcopy(self.query) if moco else self.query
        if moco:
            deactivate_requires_grad(self.key)
        self.criterion = NTXentLoss(temperature=0.2, memory_bank_size=(4096, 128) if moco else 0)

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        """The loss of a batch of two views."""
        first, second = batch["views"]
        if self.key is not self.query:
            update_momentum(self.query, self.key, 0.999)
        with torch.set_grad_enabled(self.key is self.query):
            keys = self.key(second)
        loss: torch.Tensor = self.criterion(self.query(first), keys)
        self.log("loss", loss, batch_size=len(first))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD, as in MoCo's code."""
        return torch.optim.SGD(self.query.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)


parser = argparse.ArgumentParser(description="SimCLR or MoCo v2 in Lightning, with lightly's parts.")
parser.add_argument("shards")
parser.add_argument("--method", choices=sorted(RECIPES), default="moco")
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--batch-size", type=int, default=256)
words = parser.parse_args()
loader = TorchLoader(words.shards, words.batch_size, recipe=RECIPES[words.method], output="float32")
trainer = lightning.Trainer(max_epochs=words.epochs, devices=1, logger=False, enable_progress_bar=False)
trainer.fit(Contrastive(words.method), loader)
print(f"loss {trainer.callback_metrics['loss']:.4f}")
