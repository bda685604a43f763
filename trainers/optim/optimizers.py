"""Optimizers: SGD and AdamW from torch, LARS and LARC here, over a method's parameter groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from maskgen.errors import UsageError

from ..methods import Method
from ..presets import Preset


class LARS(Optimizer):
    """LARS (You et al. 2017, algorithm 1) as in BYOL's code: each tensor's update is scaled to its length.

    u = g + wd p;  u = trust |p| / |u| · u where both lengths are above 0;  m = momentum m + u;  p = p - lr m

    The rate multiplies the momentum afterwards, as in BYOL's and MoCo v3's code; the paper keeps it within.
    Groups with ``adapt`` off (biases and norms, in the papers) are not scaled.

    Args:
        params: parameter groups, each with ``weight_decay`` and ``adapt``.
        lr: learning rate.
        momentum: of the update.
        trust: eta, the trust coefficient.
        nesterov: use u + momentum m as the update.
    """

    def __init__(
        self,
        params: Any,
        lr: float,
        *,
        momentum: float = 0.9,
        trust: float = 1e-3,
        nesterov: bool = False,
    ) -> None:
        given = {"lr": lr, "momentum": momentum, "trust": trust, "nesterov": nesterov}
        defaults = {**given, "weight_decay": 0.0, "adapt": True}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if pairs:
                self._update(group, [p for p, _ in pairs], [g for _, g in pairs])
        return loss

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        updates, momentum = self._updates(group, params, grads), group["momentum"]
        moments = [self._moment(parameter) for parameter in params]
        torch._foreach_mul_(moments, momentum)
        torch._foreach_add_(moments, updates)
        moved = torch._foreach_add(updates, moments, alpha=momentum) if group["nesterov"] else moments
        torch._foreach_add_(params, list(moved), alpha=-group["lr"])

    def _moment(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        moment: Tensor = state["momentum_buffer"]
        return moment

    def _updates(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
        updates = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
        if group["adapt"]:
            own, change = _lengths(params), _lengths(updates)
            ratios = torch.where(
                (own > 0) & (change > 0), group["trust"] * own / change, torch.ones_like(own)
            )
            torch._foreach_mul_(updates, list(ratios.unbind()))
        return updates


class LARC(LARS):
    """LARC without clipping, as SwAV's code takes it from apex: lengths are added instead of vectors.

    u = trust |p| / (|g| + wd |p| + 1e-8) · (g + wd p), and u = g where |p| or |g| is 0; then as `LARS`.
    """

    def _updates(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> list[Tensor]:
        if not group["adapt"]:
            return super()._updates(group, params, grads)
        own, change, decay = _lengths(params), _lengths(grads), group["weight_decay"]
        alive = (own > 0) & (change > 0)
        ratios = torch.where(
            alive, group["trust"] * own / (change + decay * own + 1e-8), torch.ones_like(own)
        )
        updates = list(torch._foreach_mul(params, list((alive * decay).unbind())))
        torch._foreach_add_(updates, grads)
        torch._foreach_mul_(updates, list(ratios.unbind()))
        return updates


def _lengths(tensors: list[Tensor]) -> Tensor:
    """The n tensors' Euclidean norms, (n,) on their device."""
    return torch.stack(list(torch._foreach_norm(tensors)))


def build_optimizer(method: Method, preset: Preset) -> Optimizer:
    """The preset's optimizer over the method's parameter groups, at its peak rate.

    Raises:
        UsageError: there is no such optimizer.
    """
    groups = method.parameter_groups(preset)
    rate, momentum = preset.peak_lr, preset.momentum
    if preset.optimizer == "sgd":
        nesterov = preset.nesterov and momentum > 0
        return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov)
    if preset.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(momentum, 0.999))
    kinds = {"lars": LARS, "larc": LARC}
    if preset.optimizer not in kinds:
        raise UsageError(f"unknown optimizer {preset.optimizer!r}", remedy="sgd, adamw, lars or larc")
    made = kinds[preset.optimizer]
    return made(groups, rate, momentum=momentum, trust=preset.trust, nesterov=preset.nesterov)


def set_rate(optimizer: Optimizer, rate: float, peak: float) -> None:
    """Give all groups the step's rate; those with ``fixed_lr`` stay at the peak."""
    for group in optimizer.param_groups:
        group["lr"] = peak if group.get("fixed_lr") else rate
