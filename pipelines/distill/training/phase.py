"""One phase of training that may be killed at any moment.

After each epoch its state and its running average are stored.

Averages and checkpoints lie in two generations. The record is written last and says which of them counts, so
a killed epoch is done again from its beginning; on a CPU with the same number of threads the result is the
same, bit for bit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import MaskgenError, ShardFault
from maskgen.io.atomic import disk_errors, write_atomic

from ..data import photos, priors
from ..data.recut import recut
from ..data.teachers import overlaps
from ..progress import Pace
from ..settings.settings import RANDOM, Settings
from ..store import damaged, record_of, rows_sha256
from ..work_folder import CHECKPOINTS, NETWORKS, Facts, WorkFolder
from .schedule import ScheduledPhase

if TYPE_CHECKING:
    from .loop import PhaseLoop


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where and with what the networks are trained; nothing of it shapes the weights but for rounding.

    Args:
        device: ``cpu`` or ``cuda``.
        threads: of torch on the CPU; 0 leaves them to torch.
        keep_networks: whether the network of every round stays in the folder, to be evaluated.
        note: told what a user should know.
    """

    device: str = "cpu"
    threads: int = 0
    keep_networks: bool = False
    note: Callable[[str], None] = print


def epochs_done(work: WorkFolder, training: ScheduledPhase) -> int:
    """How many of a phase's epochs are committed."""
    record = work.record(training.name)
    return 0 if record is None else len(record["epochs"])


def train_phase(
    work: WorkFolder,
    settings: Settings,
    training: ScheduledPhase,
    hardware: Hardware,
    workers: int,
    pace: Pace,
) -> None:
    """Train one phase to its end, or from where it was left.

    Args:
        work: the training's folder.
        settings: of the training.
        training: the phase.
        hardware: where.
        workers: processes for what is done photo by photo at the end of a joint round.
        pace: told after each epoch.

    Raises:
        MaskgenError: the loss is no number, or the labels that a round has made are empty.
        ShardFault: what it learns from is damaged.
    """
    if work.is_done(training.name):
        return
    run = _StoredPhase(work, settings, training, hardware, workers)
    pace.begin(training.words)
    while len(run.epochs) < training.phase.epochs:
        stats = run.epoch()
        pace.add(1, training.words, f"loss {stats['loss']:.3f}, agreement {stats['agreement']:.3f}")
    run.finish()


class _StoredPhase:
    """A phase between its first epoch, or the last that was committed, and its end."""

    def __init__(
        self, work: WorkFolder, settings: Settings, training: ScheduledPhase, hardware: Hardware, workers: int
    ) -> None:
        self._work, self._settings, self._training, self._hardware = work, settings, training, hardware
        self._workers = workers
        self.epochs: list[Facts] = []
        self._round = self._resumed() or self._fresh(None)

    def _fresh(self, average: NDArray[Any] | None) -> PhaseLoop:
        from .loop import Averaging, PhaseLoop, crf_of
        from .networks import read_start

        settings, training = self._settings, self._training
        crf = crf_of(settings.preset.crf_side, self._hardware.device)
        return PhaseLoop(
            learning_data(self._work, training),
            training.phase,
            network=settings.preset.network,
            init=None
            if settings.init == RANDOM
            else read_start(Path(settings.init), settings.preset.network),
            seed=training.seed(settings.seed),
            device=self._hardware.device,
            averaging=Averaging(crf, average) if training.leaves else None,
        )

    def _resumed(self) -> PhaseLoop | None:
        """The phase as its record has it.

        None when there is no record, or when what it speaks of is damaged.
        """
        from .checkpoints import load_state

        record = self._work.record(self._training.name)
        if record is None:
            return None
        try:
            average = self._read_average(record)
            state = load_state(self._work.root / CHECKPOINTS, record["checkpoint"])
            found = self._fresh(average)
            _restore(found, state, record["checkpoint"]["file"])
        except ShardFault as fault:
            where = f"{fault.what}: {fault.where}"
            self._hardware.note(f"{where}; {self._training.words}, begins anew, with the same result")
            return None
        self.epochs = record["epochs"]
        return found

    def _read_average(self, record: Facts) -> NDArray[Any] | None:
        if not record["average"]:
            return None
        average = self._work.store.read(record["average"])
        if rows_sha256(average) != record["average_sha256"]:
            raise damaged(record["average"])
        return average

    def epoch(self) -> Facts:
        """Train one epoch and commit it."""
        stats = self._round.run_epoch()
        facts = {"loss": float(stats.loss), "agreement": float(stats.agreement)}
        if not math.isfinite(facts["loss"]):
            phase = "rounds" if self._training.leaves else "fusion"
            raise MaskgenError(
                f"the loss is no number any more ({self._training.words}, epoch {len(self.epochs) + 1})",
                cause="a learning rate that is too large, or half precision",
                remedy=f"begin anew with a smaller one (--set {phase}.lr=...) or --set "
                f"{phase}.precision=fp32",
            )
        self.epochs.append(facts)
        self._commit()
        where = {"phase": self._training.name, "epoch": len(self.epochs), "device": self._hardware.device}
        self._work.log({**where, **facts, "seconds": round(float(stats.seconds), 3)})
        return facts

    def _commit(self) -> None:
        from .checkpoints import save_state

        generation = len(self.epochs) % 2
        facts: Facts = {"done": False, "epochs": self.epochs, "average": "", "average_sha256": ""}
        if self._training.leaves:
            average = self._round.average
            name = f"average/{generation}"
            self._work.store.create(name, average.shape, average.dtype)
            self._work.store.write(name, 0, average)
            self._work.store.sync(name)
            facts |= {"average": name, "average_sha256": rows_sha256(average)}
        path = self._work.root / CHECKPOINTS / f"{generation}.pt"
        facts["checkpoint"] = save_state(path, self._round.state_dict())
        self._work.commit(self._training.name, facts)

    def finish(self) -> None:
        """Leave the labels, or the finished network, and say that the phase is done."""
        facts: Facts = {"done": True, "epochs": self.epochs}
        if self._training.leaves:
            found = as_labels(self._round.average)
            _check_found(found, self._training)
            facts["labels_sha256"] = {
                name: self._save_labels(name, labels) for name, labels in self._labels(found).items()
            }
            facts["left_out"] = self._left_out(found)
        if self._hardware.keep_networks or not self._training.leaves:
            path = network_path(self._work, self._training.name)
            metadata = network_metadata(self._work, self._settings)
            facts["network_sha256"] = save_network(path, self._round.network_state(), metadata)
        self._work.commit(self._training.name, facts)

    def _labels(self, found: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
        """The labels that this round leaves, by array.

        Args:
            found: (N, S, S) uint8, its running average.
        """
        preset = self._settings.preset
        if not preset.joint:
            return dict.fromkeys(self._training.leaves, found)
        mapped = self._work.record(priors.RECORD) or {}
        maps = priors.stack_maps(self._work, preset.priors, mapped["rows"])[mapped["kept"]]
        if preset.taught:
            mixed = mix_labels(maps, found, preset.mix)
            return dict(zip(self._training.leaves, mixed, strict=True))
        pictures = self._work.store.read(photos.ARRAY)[mapped["kept"]]
        labels = recut(pictures, maps, found, self._workers)
        return dict(zip(self._training.leaves, labels, strict=True))

    def _left_out(self, found: NDArray[np.uint8]) -> list[int]:
        """Rows whose labels this round's own masks overlap with too little: the next phase does not see them.

        Raises:
            MaskgenError: fewer than a batch are left.
        """
        least = self._training.phase.agree
        if not least:
            return []
        data = learning_data(self._work, self._training)
        labels = np.mean(np.stack(data.labels), axis=0)
        rows = [row for row, value in enumerate(overlaps(labels, found)) if value < least]
        if len(found) - len(rows) < self._settings.least_photos:
            raise MaskgenError(
                f"{self._training.words}: its masks agree with the teachers' on {len(found) - len(rows)} "
                f"photos only",
                cause=f"an IoU of {least} is asked for; the teachers are too noisy or the training too short",
                remedy="begin anew with less: --set rounds.agree=0.4",
            )
        return rows

    def _save_labels(self, name: str, labels: NDArray[np.uint8]) -> str:
        self._work.store.create(name, labels.shape, np.uint8)
        self._work.store.write(name, 0, labels)
        self._work.store.sync(name)
        return rows_sha256(labels)


def _restore(loop: PhaseLoop, state: Facts, file: str) -> None:
    """Put a checkpoint's content where it belongs, whatever somebody has written into it."""
    try:
        loop.load_state_dict(state)
    except Exception as error:
        cause = f"it is no state of this phase ({type(error).__name__})"
        raise ShardFault("a checkpoint is damaged", where=file, cause=cause) from error


def drop_intermediates(work: WorkFolder) -> None:
    """Drop averages and checkpoints, which nothing needs once the fusion is done.

    Raises:
        EnvironmentFault: the disk is broken or read-only.
    """
    work.store.remove("average")
    with disk_errors(work.root / CHECKPOINTS):
        for path in (work.root / CHECKPOINTS).glob("*.pt"):
            path.unlink(missing_ok=True)


def learning_data(work: WorkFolder, training: ScheduledPhase) -> Any:
    """What a phase learns from, the photos without those whose priors failed.

    Raises:
        ShardFault: an array is damaged.
    """
    from .loop import Data

    kept = (work.record(priors.RECORD) or {})["kept"]
    pictures = work.store.read(photos.ARRAY)[kept]
    before = work.record(training.after) or {} if training.after else {}
    left_out = np.zeros(len(kept), bool)
    left_out[before.get("left_out", [])] = True
    labels = []
    for name in training.labels:
        rows = work.store.read(name)
        labels.append(rows[kept] if name.startswith("priors/") else _checked_labels(work, name, rows))
    return Data(pictures, tuple(labels), training.thresholds, left_out if left_out.any() else None)


def check_inputs(work: WorkFolder, settings: Settings) -> None:
    """See that photos and priors are still what their records say.

    Raises:
        ShardFault: an array is damaged.
    """
    drawn, mapped = work.record(photos.RECORD) or {}, work.record(priors.RECORD) or {}
    count = len(drawn["photos"])
    found = {
        photos.RECORD: work.store.read(photos.ARRAY, 0, count),
        priors.RECORD: priors.stack_maps(work, settings.preset.priors, count),
    }
    for name, record in ((photos.RECORD, drawn), (priors.RECORD, mapped)):
        if rows_sha256(found[name]) != record["sha256"]:
            raise damaged(name)


def _checked_labels(work: WorkFolder, name: str, rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    record = work.record(record_of(name)) or {}
    if record.get("labels_sha256", {}).get(name) != rows_sha256(rows):
        raise damaged(name)
    return rows


def as_labels(average: NDArray[Any]) -> NDArray[np.uint8]:
    """A running average in [0, 1], or in 0..255 when it is uint8, as (N, S, S) uint8 labels."""
    if average.dtype == np.uint8:
        return np.asarray(average, np.uint8)
    levels: NDArray[np.uint8] = np.rint(average.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)
    return levels


def mix_labels(maps: NDArray[np.uint8], found: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """(T, N, S, S) uint8 labels: each teacher's maps, mixed with a student's.

    Args:
        maps: (N, T, S, S) uint8.
        found: (N, S, S) uint8, the student's.
        share: of the student's, in [0, 1].
    """
    mixed = (1 - share) * maps.swapaxes(0, 1).astype(np.float32) + share * found
    return np.asarray(np.rint(mixed), np.uint8)


def _check_found(labels: NDArray[np.uint8], training: ScheduledPhase) -> None:
    if (labels >= 128).any():
        return
    raise MaskgenError(
        f"{training.words}, has found nothing in any photo: the next one would learn from empty labels",
        cause="the training has collapsed, from a learning rate that does not fit or a prior that marks "
        "too little",
        remedy="begin anew with other numbers (--set rounds.lr=...), or without this prior (--set "
        "priors=...)",
    )


def save_network(path: Path, state: dict[str, Any], metadata: dict[str, str]) -> str:
    """Write a network's weights durably, over an old file of that name, and return their SHA-256.

    Args:
        path: ends in .safetensors.
        state: the network's tensors.
        metadata: see `encode_weights`; ``maskgen`` is the method that the network is for.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    from maskgen.methods.networks.checkpoint import encode_weights

    data = encode_weights(metadata["maskgen"], state, metadata)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def network_path(work: WorkFolder, name: str) -> Path:
    """Where the network of a phase lies once it is done."""
    return work.root / NETWORKS / f"{name}.safetensors"


def network_metadata(work: WorkFolder, settings: Settings) -> dict[str, str]:
    """What a network's file says about itself."""
    record = work.record(photos.RECORD) or {}
    return {
        "maskgen": settings.method,
        "network": settings.preset.network,
        "side": str(settings.preset.side),
        "preset": settings.preset.name,
        "data": photos_sha256(record),
    }


def photos_sha256(record: Facts) -> str:
    """SHA-256 of the list of the photos' hashes, a line each, in the order of the draw."""
    return hashlib.sha256("".join(f"{one['sha256']}\n" for one in record["photos"]).encode()).hexdigest()
