"""`eval-ssl`: a checkpoint, labeled images, a result in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from maskgen.errors import UsageError
from maskgen.io.atomic import file_sha256, write_atomic
from maskgen.processes.signals import StopSignals, interrupted

from ..datasets.classes import number_classes, read_names
from ..datasets.images import open_images
from ..datasets.public.place import Place
from ..distributed.ranks import any_rank, rank
from ..heads.head import OWN, Head, accuracies, load_head, save_head
from ..heads.protocols import Protocol
from ..heads.resume import Keeper
from ..heads.sweep import draw_trials
from ..pretrained.encoder import load_encoder
from .challenge import Neighbors, judge_challenge
from .knn import knn_accuracy
from .search import Search, Split, search_penalty, search_rate
from .setup import ProbeConfig, ProbeSetup
from .sweep import search_trials

Say = Callable[[str], None]


def run_knn(
    config: ProbeConfig,
    *,
    ks: Sequence[int],
    temperature: float,
    challenge: Path | None = None,
    say: Say = lambda _text: None,
) -> dict[str, Any]:
    """Nearest-neighbor accuracy, written to knn.json.

    Without test images, each training image is held against all others.

    Args:
        config: what to judge, on what.
        ks: how many neighbors vote, each from 1; more than there are means all.
        temperature: of their weights, above 0.
        challenge: folder that `maskgen challenge` has made, whose variants are judged by the same neighbors.
        say: told of a k that is larger than the set, on rank 0.

    Returns:
        What knn.json holds: ``knn_K`` from 0 to 1 for each k, and what that depends on; with a challenge also
            ``challenge``, for each ``knn_K`` the accuracy on each variant, and ``bg_gap``.

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
        ...     side=32,
        ... )
        >>> 0 <= run_knn(config, ks=[1], temperature=0.07)["knn_1"] <= 1
        True
    """
    setup = ProbeSetup.open(config)
    bank = setup.features(setup.train, whole=True), setup.labels(setup.train, whole=True)
    test = None
    if setup.test is not None:
        test = setup.features(setup.test, whole=True), setup.labels(setup.test, whole=True)
    result: dict[str, Any] = {**setup.facts(), "temperature": temperature, "images": len(setup.train)}
    if setup.test is None:
        result["test"] = "leave one out"
    most = len(setup.train) - (setup.test is None)
    if rank() == 0 and (more := [str(k) for k in ks if k > most]):
        say(f"eval-ssl: note: there are {most:,} neighbors: with --k {','.join(more)} all of them vote")
    found = knn_accuracy(bank, test, ks=ks, temperature=temperature)
    result |= {f"knn_{k}": accuracy for k, accuracy in found.items()}
    if challenge is not None:
        neighbors = Neighbors(bank, ks, temperature)
        result |= judge_challenge(setup, neighbors, challenge)
    _write(config.output / "knn.json", result)
    return result


def run_linear(
    config: ProbeConfig,
    protocol: Protocol,
    *,
    lrs: Sequence[float],
    views: int,
    metric: str = "",
    trials: int = 30,
    say: Say,
    stop: StopSignals | None = None,
) -> dict[str, Any]:
    """Accuracy of linear classifiers, in linear.json; the best head in linear.safetensors, for `run_head`.

    With more than one learning rate, or L-BFGS, the best is chosen on ``config.validation``, else on a tenth
    of the training images, which no head sees; L-BFGS's is then fitted again on both. The state after each
    epoch or penalty is kept in the folder heads: called again after an interruption, it goes on there.

    Args:
        config: what to judge, on what.
        protocol: the protocol.
        lrs: learning rates; none: the protocol's.
        views: passes of random crops that are computed, and kept on disk; the epochs take them in turn. 0: a
            new one for each epoch, as in the papers. -1: center crops only, one pass.
        metric: what is best: ``top1``, or ``per_class`` accuracy; empty: what the papers report of the set.
        trials: settings that a sweep tries, from 1.
        say: told how far it is.
        stop: asked between epochs.

    Returns:
        What linear.json holds: ``top1``, ``top5`` and ``per_class`` (mean per class) from 0 to 1, and what
            they depend on.

    Raises:
        MaskgenError: the backbone or the images cannot be read, or no learning rate had finite losses.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, Settings, find_preset, run_linear, train, with_overrides
        >>> from maskgen.trainers.heads.protocols import find_protocol
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> paths = {"checkpoint": Path("run"), "data": Path("photos"), "test": None}
        >>> config = ProbeConfig(**paths, output=Path("probe"), device=torch.device("cpu"), side=32)
        >>> protocol = find_protocol("moco", epochs=2, batch_size=5)
        >>> result = run_linear(config, protocol, lrs=[0.1], views=-1, say=lambda text: None)
        >>> 0 <= result["top1"] <= result["top5"] <= 1
        True
    """
    metric = metric or config.metric()
    share, interpolation = config.share or protocol.share, config.interpolation or protocol.interpolation
    config = replace(config, share=share, interpolation=interpolation)
    setup = ProbeSetup.open(config)
    sgd, rates = protocol.solver == "sgd", list(lrs) or [protocol.lr]
    data = Split.of(setup, choose=not sgd or len(rates) > 1)
    asked = {**setup.facts(), **data.facts(), "protocol": _shown(protocol), "metric": metric}
    asked |= {"views": views, "views_by": config.views_by} if sgd else {}
    asked |= {"trials": trials} if protocol.solver == "sweep" else {}
    report = _reporter(say, stop)
    keeper = Keeper(config.output, {**asked, "lrs": rates}, lambda text: report(f"warning: {text}"))
    if protocol.solver == "lbfgs":
        found = search_penalty(setup, data, metric, report=report, keeper=keeper)
    elif protocol.solver == "sweep":
        plan = draw_trials(protocol, trials, config.seed, lrs)
        found = search_trials(setup, data, plan, metric, report=report, keeper=keeper)
    else:
        found = search_rate(setup, data, Search(protocol, rates, views, metric), report=report, keeper=keeper)
    judged = accuracies(found.head, setup.features(data.test), setup.labels(data.test))
    result = {**asked, **found.facts, **judged, **data.sizes()}
    _write(config.output / "linear.json", result)
    if rank() == 0:
        head = replace(found.head, names=setup.train.names, facts=result)
        save_head(config.output / "linear.safetensors", head)
    return result


def run_head(config: ProbeConfig, *, head: str, names: Path | None = None, say: Say) -> dict[str, Any]:
    """Accuracy of a head that is there already, on one more test set, in test-SET.json; nothing is trained.

    Args:
        config: what to judge, on what: the images of ``test``, else ``val`` in ``data``, else of ``data``.
            Side, share and interpolation that it leaves open are those that the head was trained on.
        head: a linear.safetensors; or ``own``, the checkpoint's own classifier.
        names: a file of the head's classes, a name a line; None: as the head says.
        say: told where the input is another than the head was trained on.

    Returns:
        What the file holds: ``top1``, ``top5`` and ``per_class`` from 0 to 1, and what they depend on.

    Raises:
        MaskgenError: the backbone, the head or the images cannot be read, or do not belong together.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import ProbeConfig, run_head, run_linear
        >>> from maskgen.trainers.heads.protocols import find_protocol
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
        >>> config = ProbeConfig(
        ...     **encoder, data=Path("photos"), test=None, output=Path("once"), side=32
        ... )
        >>> protocol = find_protocol("moco", epochs=2, batch_size=5)
        >>> trained = run_linear(config, protocol, lrs=[0.1], views=-1, say=print)
        epoch 1/2  lr 0.1 loss ...
        epoch 2/2  lr 0.1 loss ...
        >>> later = ProbeConfig(**encoder, data=Path("photos"), test=None, output=Path("later"))
        >>> found = run_head(later, head="once/linear.safetensors", say=print)
        >>> found["side"], 0 <= found["top1"] <= found["top5"] <= 1
        (32, True)
    """
    encoder = load_encoder(config.checkpoint, config.device, config.backbone, seed=config.seed)
    found = load_head(head, encoder, config.device)
    config = head_input(config, found, say)
    first, second = config.places()
    place = second or first
    title = place.name if isinstance(place, Place) else place.resolve().name
    known = read_names(names) if names is not None else found.names
    classes = found.layer.out_features
    if known and max(known) >= classes:
        raise UsageError(
            f"{names} names {len(known)} classes, the head has {classes}", remedy="give the names of its own"
        )
    images = number_classes(open_images(place), known, set(range(classes)), str(place))
    setup = ProbeSetup.of(config, encoder, images, None)
    judged = accuracies(found, setup.features(images), setup.labels(images))
    facts = setup.facts() | {"data": place.name, "test": images.fingerprint}
    mark = OWN if head == OWN else file_sha256(Path(head))
    result = {**facts, "head": mark, **judged, "test_images": len(images)}
    _write(config.output / f"test-{title}.json", result)
    return result


def head_input(config: ProbeConfig, head: Head, say: Say) -> ProbeConfig:
    """The input that the head was trained on, where the question does not say another.

    Args:
        config: of the question.
        head: with what it was trained on.
        say: told where the two differ.
    """
    trained: dict[str, Any] = {"side": 0, "share": 0.0, "interpolation": ""}
    trained = {name: head.facts.get(name, value) for name, value in trained.items()}
    for name, value in trained.items():
        asked = getattr(config, name)
        if asked and value and asked != value and rank() == 0:
            say(f"eval-ssl: warning: the head was trained with {name} {value}, and is tested with {asked}")
    return replace(config, **{name: getattr(config, name) or value for name, value in trained.items()})


def _reporter(say: Say, stop: StopSignals | None) -> Say:
    def report(text: str) -> None:
        if rank() == 0:
            say(text)
        if stop is not None and any_rank(bool(stop)):
            raise interrupted()

    return report


def _shown(protocol: Protocol) -> dict[str, Any]:
    return {field.name: getattr(protocol, field.name) for field in fields(protocol) if field.name != "ours"}


def _write(path: Path, result: dict[str, Any]) -> None:
    if rank() == 0:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, (json.dumps(result, indent=1) + "\n").encode())
