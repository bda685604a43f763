"""`eval-ssl`: a checkpoint, labeled images, a result in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from maskgen.io.atomic import write_atomic
from maskgen.processes.signals import StopSignals, interrupted

from ..distributed.ranks import rank
from .knn import knn_accuracy
from .linear import Report, Standardizer, top_k, train_heads
from .protocols import Protocol
from .setup import Passes, ProbeConfig, ProbeSetup, split

Say = Callable[[str], None]


def run_knn(config: ProbeConfig, *, ks: Sequence[int], temperature: float) -> dict[str, Any]:
    """Nearest-neighbor accuracy, written to knn.json.

    Without test images, each training image is held against all others.

    Args:
        config: what to judge, on what.
        ks: how many neighbors vote, each from 1.
        temperature: of their weights, above 0.

    Returns:
        What knn.json holds: ``knn_K`` from 0 to 1 for each k, and what that depends on.

    Raises:
        MaskgenError: the backbone or the images cannot be read, or an option is out of range.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, Settings, find_preset, run_knn, train, with_overrides
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> config = ProbeConfig(
        ...     checkpoint=Path("run"),
        ...     data=Path("photos"),
        ...     test=None,
        ...     output=Path("probe"),
        ...     device=torch.device("cpu"),
        ... )
        >>> 0 <= run_knn(config, ks=[1], temperature=0.07)["knn_1"] <= 1
        True
    """
    setup = ProbeSetup.open(config)
    bank = setup.features(setup.train)
    queries = None if setup.test is None else setup.features(setup.test)
    result: dict[str, Any] = {**setup.facts(), "temperature": temperature, "images": len(setup.train)}
    if setup.test is None:
        result["test"] = "leave one out"
    if rank() == 0:
        test = None if queries is None or setup.test is None else (queries, setup.labels(setup.test))
        found = knn_accuracy((bank, setup.labels(setup.train)), test, ks=ks, temperature=temperature)
        result |= {f"knn_{k}": accuracy for k, accuracy in found.items()}
        _write(config.output / "knn.json", result)
    return result


def run_linear(
    config: ProbeConfig,
    protocol: Protocol,
    *,
    lrs: Sequence[float],
    views: int,
    say: Say,
    stop: StopSignals | None = None,
) -> dict[str, Any]:
    """Top-1 and top-5 accuracy of linear classifiers, in linear.json; the best head in linear.safetensors.

    With more than one learning rate, the best is chosen on a tenth of the training images, which no head
    sees.

    Args:
        config: what to judge, on what.
        protocol: the protocol.
        lrs: learning rates; none: the protocol's.
        views: passes of random crops that are computed, and kept on disk; the epochs take them in turn. 0: a
            new one for each epoch, as in the papers. -1: center crops only, one pass.
        say: told how far it is.
        stop: asked between epochs.

    Returns:
        What linear.json holds: ``top1`` and ``top5`` from 0 to 1, and what they depend on; empty but on rank
            0.

    Raises:
        MaskgenError: the backbone or the images cannot be read, or no learning rate had finite losses.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, Settings, find_preset, run_linear, train, with_overrides
        >>> from maskgen.trainers.probes.protocols import find_protocol
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> paths = {"checkpoint": Path("run"), "data": Path("photos"), "test": None}
        >>> config = ProbeConfig(**paths, output=Path("probe"), device=torch.device("cpu"))
        >>> protocol = find_protocol("moco", epochs=2, batch_size=5)
        >>> result = run_linear(config, protocol, lrs=[0.1], views=-1, say=lambda text: None)
        >>> 0 <= result["top1"] <= result["top5"] <= 1
        True
    """
    setup = ProbeSetup.open(config)
    report = _reporter(protocol, say, stop)
    probed = _probe(setup, protocol, list(lrs) or [protocol.lr], views, report)
    if probed is None:
        return {}
    if probed.lost:
        lost = ", ".join(f"{lr:g}" for lr in probed.lost)
        say(f"eval-ssl: warning: the loss became infinite or no number with lr {lost}: left out")
    result = {**setup.facts(), "protocol": _shown(protocol), "views": views, **probed.found}
    _write(config.output / "linear.json", result)
    _write_head(config.output / "linear.safetensors", probed.head, probed.standard, result)
    return result


@dataclass(frozen=True, slots=True)
class _Probed:
    """The best head, what was found with it, and the learning rates whose loss was lost."""

    head: nn.Linear
    standard: Standardizer
    found: dict[str, Any]
    lost: list[float]


def _probe(
    setup: ProbeSetup, protocol: Protocol, lrs: list[float], views: int, report: Report
) -> _Probed | None:
    """Train a head with each learning rate and judge the best; None but on rank 0, which alone trains."""
    train, test, choose = split(setup.train, setup.test, setup.config.seed, choose=len(lrs) > 1)
    passes = Passes(setup, train, views)
    held = [setup.features(images) for images in (test, choose) if images is not None]
    if rank() != 0:
        for epoch in range(protocol.epochs):  # help to compute what rank 0 asks for, in its order
            passes(epoch)
        return None
    heads, standard = train_heads(
        passes,
        setup.labels(train),
        protocol,
        lrs=lrs,
        classes=setup.train.classes,
        seed=setup.config.seed,
        report=report,
    )
    judged = setup.labels(choose or test)
    scores = {lr: top_k(head, standard, held[-1], judged)[0] for lr, head in heads.items()}
    best = max(heads, key=lambda lr: scores[lr])
    first, fifth = top_k(heads[best], standard, held[0], setup.labels(test))
    sizes = {"images": len(train), "test_images": len(test)}
    found: dict[str, Any] = {"lr": best, "top1": first, "top5": fifth, **sizes}
    if choose is not None:
        found["chosen_by"] = {f"{lr:g}": score for lr, score in scores.items()}
    return _Probed(heads[best], standard, found, [lr for lr in lrs if lr not in heads])


def _reporter(protocol: Protocol, say: Say, stop: StopSignals | None) -> Report:
    def report(epoch: int, losses: dict[float, float]) -> None:
        say(
            f"epoch {epoch + 1}/{protocol.epochs}  "
            + "  ".join(f"lr {lr:g} loss {x:.4f}" for lr, x in losses.items())
        )
        if stop:
            raise interrupted()

    return report


def _shown(protocol: Protocol) -> dict[str, Any]:
    return {field.name: getattr(protocol, field.name) for field in fields(protocol) if field.name != "ours"}


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(result, indent=1) + "\n").encode())


def _write_head(path: Path, head: nn.Linear, standard: Standardizer, result: dict[str, Any]) -> None:
    from safetensors.torch import save

    tensors = {name: value.detach().cpu() for name, value in head.state_dict().items()}
    if standard.mean is not None and standard.deviation is not None:
        tensors |= {"mean": standard.mean.cpu(), "deviation": standard.deviation.cpu()}
    write_atomic(path, save(tensors, metadata={"result": json.dumps(result)}))
