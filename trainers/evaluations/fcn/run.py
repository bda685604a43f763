"""`eval-ssl fcn`: rates tried, a network trained and tested on whole photos."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from maskgen.errors import UsageError
from maskgen.io.atomic import write_atomic
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.segmentation.layouts import open_segmented
from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.trainers.distributed.ranks import rank

from ..frozen import FrozenConfig, write_result
from ..tuning.loop import Record
from ..tuning.search import Search
from .judge import Judge, summarize
from .network import Fcn, own_stride
from .protocols import FcnProtocol
from .saved import FILE, write_fcn
from .training import Task, train_fcn

FOLDER, RESULT, LOG = "fcn", "fcn.json", "fcn.log.jsonl"


@dataclass(frozen=True, kw_only=True)
class FcnConfig(FrozenConfig):
    """What `run_fcn` is asked. On a GPU the network runs in bf16.

    Args:
        data: folder of a set in VOC's or Cityscapes's layout.
        protocol: how the network is trained.
        train: the split to learn from.
        test: the split to be tested on.
        listed: a file of the training photos' names in place of `train`, in VOC's layout; None: the split's.
        sbd: the Semantic Boundaries Dataset, for `train` ``trainaug``; None: it is not there.
        classes: names of the classes of data of one's own in VOC's layout; empty: VOC's.
        stride: of the backbone's maps, px, by dilation; 0: its own; -1: 16 of a ResNet, else its own.
        batch_size: crops that go through the network at once, on each rank.
    """

    data: Path
    protocol: FcnProtocol
    train: str = "train"
    test: str = "val"
    listed: Path | None = None
    sbd: Path | None = None
    classes: tuple[str, ...] = ()
    stride: int = -1
    batch_size: int = 16

    def open(self) -> tuple[Segmented, Segmented]:
        """The photos to learn from, and those to be tested on.

        Raises:
            MaskgenError: they cannot be found.
        """
        train = open_segmented(self.data, self.train, listed=self.listed, sbd=self.sbd, classes=self.classes)
        return train, open_segmented(self.data, self.test, classes=self.classes)


def run_fcn(
    config: FcnConfig, *, say: Callable[[str], None] = lambda _text: None, stop: StopSignals | None = None
) -> dict[str, Any]:
    """Train a fully convolutional network from an encoder; mean IoU in fcn.json, the network in a file.

    See `Fcn` and `FcnProtocol`. With several learning rates or numbers of epochs each is tried without a part
    of the training photos, on which the best is chosen; then it is trained on all. The network is tested
    after its last epoch, on whole photos at their own size. States are kept in the folder fcn: called again
    after an interruption, it goes on there.

    Args:
        config: from which encoder, on what, how.
        say: told each epoch.
        stop: asked after each step, and between parts of a test.

    Returns:
        What fcn.json holds: ``miou``, ``pixel_accuracy`` and ``ious`` by class, from 0 to 1, and what they
            depend on.

    Raises:
        MaskgenError: the encoder or the photos cannot be read, or no trial had finite losses.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import FcnConfig, run_fcn
        >>> from maskgen.trainers.evaluations.fcn.protocols import find_fcn_protocol
        >>> short = {"lrs": (0.1,), "epochs": (1,), "batch_size": 3, "crop": 41}
        >>> config = FcnConfig(
        ...     checkpoint="random",
        ...     backbone="tiny",
        ...     data=Path("segmentation"),
        ...     output=Path("fcn"),
        ...     device=torch.device("cpu"),
        ...     protocol=find_fcn_protocol("revisiting", **short),
        ... )
        >>> result = run_fcn(config, say=print)
        lr 0.1 epochs 1  epoch 1/1  loss ...
        tested 1/1 parts
        >>> 0 <= result["miou"] <= 1
        True
    """
    protocol, (train, test) = config.protocol, config.open()
    asked = {
        **config.facts(),
        "precision": "bf16" if config.device.type == "cuda" else "fp32",
        "protocol": _shown(protocol),
        "stride": own_stride(config.encoder.network, config.stride),
        "pass_images": config.batch_size,
        "classes": list(train.classes),
        "data": train.fingerprint(),
        "test": test.fingerprint(),
        "images": len(train),
        "test_images": len(test),
    }

    def report(text: str) -> None:
        if rank() == 0:
            say(text)

    examiner = _Examiner(config, asked, report, stop)
    task = examiner.task(train, lambda _model: {})
    search = Search(partial(train_fcn, task), asked, config.output, FOLDER, report)
    trials = protocol.trials()
    if len(trials) > 1:
        rest, held = _hold_out(train, protocol.held_out, config.seed)
        chooser = lambda model: {"miou": examiner.judge(model, held)["miou"]}  # noqa: E731
        search.train = partial(train_fcn, examiner.task(rest, chooser))
    best = search.best(trials, "miou")
    search.train = partial(train_fcn, task)
    model = search.trial(best, {"refit": True} if len(trials) > 1 else {})
    result = {**asked, "lr": best.lr, **search.facts(), **examiner.judge(model, test)}
    _write(config, model, train.classes, result, search.records)
    return result


@dataclass(frozen=True, eq=False)
class _Examiner:
    """Makes tasks, and judges their networks."""

    config: FcnConfig
    asked: dict[str, Any]
    say: Callable[[str], None]
    stop: StopSignals | None

    @property
    def half(self) -> bool:
        return self.config.device.type == "cuda"

    @property
    def encoder(self) -> Any:
        """The encoder; pyright takes its class for two, by the two ways to import it."""
        return self.config.encoder

    def task(self, train: Segmented, judge: Callable[[Fcn], dict[str, float]]) -> Task:
        config = self.config
        return Task(
            encoder=self.encoder,
            protocol=config.protocol,
            train=train,
            stride=config.stride,
            per_pass=config.batch_size,
            threads=config.threads,
            seed=config.seed,
            device=config.device,
            half=self.half,
            judge=judge,
            say=self.say,
            stop=self.stop,
        )

    def judge(self, model: Fcn, images: Segmented) -> dict[str, Any]:
        """The figures of photos that the network has not learned from."""
        config = self.config
        judge = Judge(images, self.encoder, config.device, self.half)
        said = lambda text: self.say(f"tested {text} parts")  # noqa: E731
        table = judge.table(model, self.asked, config.output / FOLDER / "tested", said, self.stop)
        if not table.any():
            raise UsageError(
                "no pixel of the test photos has a class that counts",
                where=str(config.data),
                cause="Cityscapes's test has no annotations, for example",
                remedy="give a --test split with annotations",
            )
        return summarize(table, images.classes)


def _hold_out(train: Segmented, share: float, seed: int) -> tuple[Segmented, Segmented]:
    """What is left, and the held-out share, at least one photo."""
    if len(train) < 2:
        raise UsageError("one photo is too few to choose on", remedy="give one --lr and one --epochs")
    order = np.random.default_rng(seed).permutation(len(train))
    cut = max(1, round(len(train) * share))
    return train.take(sorted(order[cut:].tolist())), train.take(sorted(order[:cut].tolist()))


def _shown(protocol: FcnProtocol) -> dict[str, Any]:
    """Its fields as a JSON file gives them back."""
    fields = {name: value for name, value in asdict(protocol).items() if name not in ("ours", "source")}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _write(
    config: FcnConfig, model: Fcn, classes: tuple[str, ...], result: dict[str, Any], records: list[Record]
) -> None:
    """The network, the log and, last, the result."""
    if rank() != 0:
        return
    numbers = {"dilation": config.protocol.dilation, "stride": result["stride"]}
    encoder: Any = config.encoder
    facts = write_fcn(config.output / FILE, model, encoder, classes, **numbers)
    result["trained_sha256"] = facts["checkpoint_sha256"]
    log = "".join(json.dumps(record) + "\n" for record in records)
    write_atomic(config.output / LOG, log.encode())
    write_result(config.output / RESULT, result)
