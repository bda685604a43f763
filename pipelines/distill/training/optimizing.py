"""How the weights move: Adam by the epoch, as released, or AdamW by the step; and their moving average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ..settings.presets import Phase

BETAS = (0.9, 0.99)
"""Of AdamW."""
SOON = 10
"""Steps after which the moving average is no longer mostly the first weights."""


class Optimizing:
    """An optimizer with its schedule, and the moving average of the network's weights.

    Args:
        network: what is trained.
        phase: learning rate and the rest.
        steps: of an epoch.
    """

    def __init__(self, network: nn.Module, phase: Phase, steps: int) -> None:
        self._network, self._phase, self._steps = network, phase, steps
        self._done = 0
        if phase.schedule == "cosine":
            self.optimizer: Any = torch.optim.AdamW(
                self._groups(), lr=phase.lr, betas=BETAS, weight_decay=phase.weight_decay
            )
        else:
            self.optimizer = torch.optim.Adam(network.parameters(), lr=phase.lr)
        self._peaks = [group["lr"] for group in self.optimizer.param_groups]
        self._average = {name: value.clone() for name, value in self._state().items()} if phase.ema else None

    def _groups(self) -> list[dict[str, Any]]:
        named = [(name, one) for name, one in self._network.named_parameters() if one.requires_grad]
        inner = [one for name, one in named if name.startswith("encoder.")]
        rest = [one for name, one in named if not name.startswith("encoder.")]
        slow = self._phase.lr * self._phase.encoder_lr
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": inner, "lr": slow}]
        return [group for group in groups if group["params"]]

    def begin_epoch(self, epoch: int) -> None:
        """Set the learning rate of an epoch, counted from 0, where it falls by the epoch."""
        if self._phase.schedule == "polynomial":
            share = (1 - epoch / self._phase.epochs) ** self._phase.power
            for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
                group["lr"] = peak * share

    def step(self, scaler: torch.amp.GradScaler) -> None:
        """One step down the gradients that are there."""
        phase = self._phase
        if phase.schedule == "cosine":
            for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
                group["lr"] = peak * self._share()
        if phase.clip:
            scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._network.parameters(), phase.clip)
        scaler.step(self.optimizer)
        scaler.update()
        self._done += 1
        self._follow()

    def _share(self) -> float:
        """Of the learning rate: up over the warm-up, then down a cosine to nothing."""
        total = self._phase.epochs * self._steps
        warm = min(1.0, (self._done + 1) / self._phase.warmup) if self._phase.warmup else 1.0
        return warm * (1 + math.cos(math.pi * self._done / total)) / 2

    def _state(self) -> dict[str, Tensor]:
        return {name: value.detach() for name, value in self._network.state_dict().items()}

    def _follow(self) -> None:
        if self._average is None:
            return
        keep = min(self._phase.ema, self._done / (self._done + SOON))
        for name, value in self._state().items():
            if value.is_floating_point():
                self._average[name].lerp_(value, 1 - keep)
            else:
                self._average[name].copy_(value)

    def weights(self) -> dict[str, Tensor]:
        """The network's weights as they are used: their moving average where there is one."""
        return self._state() if self._average is None else self._average

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs."""
        facts: dict[str, Any] = {"optimiser": self.optimizer.state_dict()}
        if self._average is not None:
            facts["average"] = {name: value.cpu().clone() for name, value in self._average.items()}
        return facts

    def load_state_dict(self, state: dict[str, Any], epoch: int) -> None:
        """Go on from a state, `epoch` epochs done.

        Raises:
            KeyError, RuntimeError: it is not the state of such a phase.
        """
        self.optimizer.load_state_dict(state["optimiser"])
        self._done = epoch * self._steps
        if self._average is not None:
            stored = state["average"]
            if stored.keys() != self._average.keys():
                raise KeyError("average")
            for name, value in self._average.items():
                value.copy_(stored[name])
