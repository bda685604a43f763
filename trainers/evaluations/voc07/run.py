"""`eval-ssl voc07`: mean average precision of linear SVMs on frozen features of VOC 2007."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.io.atomic import write_atomic
from maskgen.processes.signals import StopSignals, interrupted
from maskgen.trainers.datasets.voc import VocImages, open_voc
from maskgen.trainers.distributed.ranks import world
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.pretrained.encoder import Encoder, load_encoder
from maskgen.trainers.probes.features import Extractor, FeatureStore, InputTransform, default_share
from maskgen.trainers.probes.setup import FEATURES, SIDE

from .features import Squashed, pooled, shorten
from .precision import MEASURES
from .protocols import SvmProtocol
from .svm import check_counts, fit, judge, require_sklearn

RESULT = "voc07.json"


@dataclass(frozen=True, kw_only=True)
class VocConfig:
    """What is asked: of which backbone, on what.

    Args:
        checkpoint: what `load_pretrained` takes.
        backbone: its network, where the file does not say it.
        data: VOC2007, or a folder that holds it.
        test: the same where the test photos lie apart; None: as `data`.
        output: folder of the result and features.
        device: of the backbone.
        side: of its input, px.
        batch_size: photos at once.
        threads: that decode.
        workers: processes that fit SVMs.
        precision: ``fp32`` or ``bf16``.
        seed: of random weights and the solver's order.
    """

    checkpoint: Path | str
    data: Path
    output: Path
    device: torch.device
    test: Path | None = None
    backbone: str = ""
    side: int = SIDE
    batch_size: int = 64
    threads: int = 2
    workers: int = 1
    precision: str = "fp32"
    seed: int = 0


def run_voc07(
    config: VocConfig,
    protocol: SvmProtocol,
    *,
    say: Callable[[str], None],
    stop: StopSignals | None = None,
) -> dict[str, Any]:
    """Train an SVM for each class on the split trainval and test it on test, in voc07.json.

    Features are kept on disk, and so is what is known of each class when it is done: called again after an
    interruption, it goes on there.

    Args:
        config: what to judge, on what.
        protocol: how.
        say: told each class's result.
        stop: asked between classes.

    Returns:
        What voc07.json holds: ``map``, the mean over classes of the protocol's measure, in [0, 1]; that of
            each measure, as ``map_all_point`` and so on; ``classes`` by name; and what they depend on.

    Raises:
        MaskgenError: the backbone or VOC cannot be read, too few photos have a class, or scikit-learn is not
            installed.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import VocConfig, run_voc07
        >>> from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "side": 32}
        >>> config = VocConfig(
        ...     **encoder, data=Path("VOCdevkit"), output=Path("voc"), device=torch.device("cpu")
        ... )
        >>> result = run_voc07(config, find_svm_protocol("revisiting"), say=print)
        class 1/2  ball  C 0.5  AP ...
        class 2/2  box  C 0.5  AP ...
        >>> 0 <= result["map"] <= 1
        True
    """
    version = require_sklearn()
    if world() > 1:
        raise UsageError("SVMs are trained by one process", remedy="run eval-ssl without torchrun; --workers")
    train = open_voc(config.data, "trainval")
    test = open_voc(config.test or config.data, "test", train.classes)
    check_counts(train.targets, train.classes, protocol)
    encoder = load_encoder(config.checkpoint, config.device, config.backbone, seed=config.seed)
    asked = _facts(config, protocol, encoder, (train, test)) | {"scikit_learn": version}
    keeper = Keeper(config.output, asked, lambda text: say(f"warning: {text}"))
    done: dict[str, Any] = (keeper.load() or {"classes": {}})["classes"]
    rows = [_rows(config, protocol, encoder, part) for part in (train, test)]
    for number, name in enumerate(train.classes):
        if name in done:
            continue
        targets = train.targets[:, number]
        fitted = fit(rows[0], targets, protocol, seed=config.seed, workers=config.workers)
        done[name] = judge(fitted, rows[1], test.targets[:, number], protocol)
        keeper.save(len(done), {"classes": done})
        say(f"class {len(done)}/{len(train.classes)}  {name}  {_shown(done[name], protocol)}")
        if stop is not None and stop:
            raise interrupted()
    result = {**asked, **_means(done, protocol), "classes": done}
    write_atomic(config.output / RESULT, (json.dumps(result, indent=1) + "\n").encode())
    return result


def _rows(config: VocConfig, protocol: SvmProtocol, encoder: Encoder, part: VocImages) -> Any:
    """(n, D) float64 features, from disk where they are there."""
    extractor = Extractor(
        pooled(encoder, protocol.pool), config.device, config.batch_size, config.threads, encoder.normalize
    )
    source = encoder.digest if protocol.pool == "mean" else digest([encoder.digest, protocol.pool])
    store = FeatureStore(config.output / FEATURES, source, extractor)
    return shorten(store.get(part.images, _transform(config, protocol)), protocol.epsilon)


def _transform(config: VocConfig, protocol: SvmProtocol) -> InputTransform:
    kind = Squashed if protocol.squash else InputTransform
    share = 1.0 if protocol.squash else default_share(config.side)
    return kind(side=config.side, share=share, precision=config.precision)


def _facts(
    config: VocConfig, protocol: SvmProtocol, encoder: Encoder, parts: tuple[VocImages, VocImages]
) -> dict[str, Any]:
    """What the result depends on."""
    known = {name: encoder.facts[name] for name in ("backbone", "method", "checkpoint_sha256")}
    settings = {**asdict(protocol), "costs": list(protocol.costs)}
    settings.pop("ours")
    return {
        **known,
        "step": int(encoder.facts["step"]),
        "data": parts[0].images.fingerprint,
        "test": parts[1].images.fingerprint,
        "images": len(parts[0].images),
        "test_images": len(parts[1].images),
        "side": config.side,
        "trained_side": encoder.view_px,
        "precision": config.precision,
        "seed": config.seed,
        "protocol": settings,
    }


def _means(classes: dict[str, Any], protocol: SvmProtocol) -> dict[str, float]:
    """The mean of each measure over the classes that some test photo shows."""
    there = [found for found in classes.values() if found["shown"]]
    if not there:
        raise UsageError("no test photo shows any class", remedy="check the lists of the split test")
    means = {f"map_{name}": float(np.mean([found[name] for found in there])) for name in MEASURES}
    return {"map": means[f"map_{protocol.measure}"], **means}


def _shown(found: dict[str, Any], protocol: SvmProtocol) -> str:
    value = found[protocol.measure]
    precision = "no test photo shows it" if value is None else f"AP {value:.4f}"
    return f"C {found['cost']:g}  {precision}" + ("" if found["converged"] else "  (not converged)")
