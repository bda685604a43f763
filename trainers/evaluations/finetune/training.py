"""One trial of fine-tuning a classifier: what its steps are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.images import Images
from maskgen.trainers.distributed.ranks import world
from maskgen.trainers.heads.head import Head, accuracies
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.probes.features import Extractor, make_inputs
from maskgen.trainers.probes.setup import ProbeSetup

from ..tuning.loop import Loop, Outcome, Part, Training
from .model import Tuned, new_model, parameter_groups
from .protocols import Trial, TuningProtocol


@dataclass(frozen=True, eq=False)
class Task:
    """What trials have in common.

    Args:
        setup: the backbone, and how images are fed.
        protocol: all but the trial's own values.
        train: images to learn from.
        judge: images that each epoch is judged on.
        classes: C.
        say: told each epoch's record, on rank 0.
        stop: asked after each step.
    """

    setup: ProbeSetup
    protocol: TuningProtocol
    train: Images
    judge: Images
    classes: int
    say: Callable[[str], None]
    stop: StopSignals | None = None


def tune(task: Task, trial: Trial, keeper: Keeper) -> Outcome[Tuned]:
    """Train one network, on all ranks, from where the keeper says: see `Loop`.

    Records have ``top1``, ``top5`` and ``per_class`` of each epoch. Crops are functions of (seed, epoch,
    image).

    Args:
        task: on what.
        trial: at which rates, how long.
        keeper: of the state after each epoch, and at a signal.

    Raises:
        UsageError: there are fewer images than ranks.
        Interrupted: a signal asked for it.
    """
    setup, protocol, config = task.setup, task.protocol, task.setup.config
    model = new_model(setup, task.classes)
    model.backbone.requires_grad_(trial.lr > 0)
    groups = parameter_groups(model, trial.lr, trial.head_lr, protocol.layer_decay)
    training = Training(
        model=model,
        optimizer=torch.optim.SGD(
            groups,
            lr=0.1,
            momentum=0.9,
            weight_decay=protocol.weight_decay,
            nesterov=protocol.nesterov,
        ),
        images=len(task.train),
        batch_size=protocol.batch_size,
        per_pass=config.batch_size,
        epochs=trial.epochs,
        steps=protocol.steps,
        factor=lambda epochs, per_epoch: protocol.factor(epochs, per_epoch).at,
        seed=config.seed,
        inputs=lambda epoch, steps: _inputs(task, epoch, steps),
        loss=lambda model, inputs, part: _loss(task, model, inputs, part),
        judge=lambda model, _last: judge(task, model),
        name=str(trial),
        say=task.say,
        stop=task.stop,
    )
    return Loop(training, keeper).run()


def _inputs(task: Task, epoch: int, steps: list[list[Part]]) -> Iterator[tuple[Tensor, int]]:
    """(b, 3, S, S) uint8 of each pass, and the images of its step over all ranks."""
    setup = task.setup
    parts = [part for passes in steps for part in passes]
    sizes = [sum(map(len, passes)) * world() for passes in steps for _ in passes]
    made = make_inputs(task.train, parts, setup.transform(epoch), setup.config.threads)
    return zip(made, sizes, strict=True)


def _loss(task: Task, model: Tuned, batch: tuple[Tensor, int], part: Part) -> Tensor:
    """The share of a pass in the mean cross-entropy of its step."""
    (inputs, size), setup, device = batch, task.setup, task.setup.config.device
    labels = torch.from_numpy(task.train.labels[part]).to(device)
    half = setup.config.precision == "bf16"
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        logits = model(setup.encoder.normalize(inputs.to(device)))
    return functional.cross_entropy(logits.float(), labels, reduction="sum") / size


def judge(task: Task, model: Tuned, images: Images | None = None) -> dict[str, float]:
    """Accuracies on center crops, by all ranks together.

    Args:
        task: whose.
        model: to be judged; it is in evaluation mode afterwards.
        images: to judge on; None: the task's.
    """
    setup, chosen = task.setup, task.judge if images is None else images
    config = setup.config
    model.eval()
    extractor = Extractor(
        model.backbone, config.device, config.batch_size, config.threads, setup.encoder.normalize
    )
    numbers, rows = extractor.part(chosen, setup.transform())
    labels = torch.from_numpy(chosen.labels[numbers]).to(config.device)
    rows = rows.reshape(len(numbers), setup.encoder.dim).to(config.device)
    return accuracies(Head(model.head), rows, labels)
