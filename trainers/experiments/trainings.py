"""The trainings of an experiment: each arm with each seed, as the command that does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maskgen.errors import UsageError

from ..evaluations.suite.commands import TaskCommand
from ..presets import Preset, find_preset, resolved, with_overrides
from .places import fill_places
from .smoke import smoke_settings
from .spec import Arm, Experiment

OWN = ("preset", "recipe", "changes", "output", "seed", "device", "resume")
"""Options of `train-ssl METHOD` that a sweep gives itself."""
ELSEWHERE = "see preset, recipe, settings and seeds of the file, --output and --devices"
FindMethod = Callable[[str], TaskCommand]
"""The command of a method by its name."""


@dataclass(frozen=True, eq=False)
class Training:
    """One arm with one seed.

    Args:
        arm: it.
        seed: it.
        preset: with all changes.
        changes: what ``--set`` says, by name.
        options: of the command, by their names in Python.
        command: of the method.
    """

    arm: Arm
    seed: int
    preset: Preset
    changes: Mapping[str, str]
    options: Mapping[str, Any]
    command: TaskCommand

    @property
    def name(self) -> str:
        """As of its folder: ``ARM/seed-N``."""
        return training_name(self.arm.name, self.seed)

    @property
    def words(self) -> list[str]:
        """The words behind ``train-ssl``, but for its folder and its device."""
        changes = [word for name, text in self.changes.items() for word in ("--set", f"{name}={text}")]
        words = self.command.words({**self.options, "seed": self.seed})
        return [self.arm.method, "--preset", self.arm.preset, *changes, *words]

    @property
    def settings(self) -> dict[str, Any]:
        """All that its result depends on, as JSON values; data sets by their place."""
        shown = {key: value for key, value in self.options.items() if key not in self.command.machine}
        return {
            "method": self.arm.method,
            "preset": resolved(self.preset),
            "seed": self.seed,
            "options": shown,
        }


def training_name(arm: str, seed: int) -> str:
    """The name of an arm's training with a seed."""
    return f"{arm}/seed-{seed}"


def choose_seeds(experiment: Experiment, count: int) -> tuple[int, ...]:
    """The first seeds of an experiment; beyond those it names, the next whole numbers.

    Args:
        experiment: it.
        count: how many; 0: those of the file.

    Example:
        >>> from maskgen.trainers.experiments.spec import Experiment
        >>> choose_seeds(Experiment(title="", seeds=(0, 1)), 3)
        (0, 1, 2)
    """
    seeds = experiment.seeds
    following = range(max(seeds) + 1, max(seeds) + 1 + count)
    return (seeds + tuple(following))[: count or len(seeds)]


def list_trainings(
    experiment: Experiment,
    find: FindMethod,
    places: Mapping[str, str],
    *,
    seeds: Sequence[int],
    smoke: bool = False,
) -> list[Training]:
    """All trainings, first all arms with the first seed: so a sweep that is stopped has whole rows.

    Args:
        experiment: it.
        find: a method's command by its name.
        places: what stands for names in braces.
        seeds: of the trainings.
        smoke: whether all is made small.

    Raises:
        UsageError: an arm has a setting or an option that its method lacks or refuses.
    """
    made = [_Arm.of(experiment, arm, find, places, smoke) for arm in experiment.arms]
    return [
        Training(one.arm, seed, one.preset, one.changes, one.options, one.command)
        for seed in seeds
        for one in made
    ]


@dataclass(frozen=True, eq=False)
class _Arm:
    arm: Arm
    preset: Preset
    changes: Mapping[str, str]
    options: Mapping[str, Any]
    command: TaskCommand

    @classmethod
    def of(
        cls, experiment: Experiment, arm: Arm, find: FindMethod, places: Mapping[str, str], smoke: bool
    ) -> _Arm:
        where = f"{experiment.path}: arm {arm.name!r}"
        small = experiment.smoke if smoke else None
        try:
            changes, preset = _settings(experiment, arm, places, smoke)
        except UsageError as error:
            raise UsageError(error.what, where=where, cause=error.cause, remedy=error.remedy) from error
        command = find(arm.method)
        given = {**experiment.training.options, **arm.options, **(small.options if small else {})}
        options = {command.option(key, where): fill_places(value, places) for key, value in given.items()}
        return cls(arm, preset, changes, options, command)


def _settings(
    experiment: Experiment, arm: Arm, places: Mapping[str, str], smoke: bool
) -> tuple[dict[str, str], Preset]:
    """What ``--set`` says, and the preset with it."""
    recipe = arm.recipe
    if recipe.endswith(".toml"):
        recipe = str((experiment.path.parent / recipe).absolute())
    given = {
        **({"recipe": recipe} if recipe else {}),
        **flatten(experiment.training.settings),
        **flatten(arm.settings),
    }
    changes = {name: as_text(fill_places(value, places)) for name, value in given.items()}
    preset = with_overrides(find_preset(arm.method, arm.preset), changes)
    if smoke:
        sizes = {name: as_text(value) for name, value in smoke_settings(preset).items()}
        wanted = {name: as_text(value) for name, value in flatten(experiment.smoke.settings).items()}
        changes = {**changes, **sizes, **wanted}
        preset = with_overrides(find_preset(arm.method, arm.preset), changes)
    return changes, preset


def find_alike(trainings: Sequence[Training]) -> list[list[str]]:
    """Names of arms whose trainings with a seed are the same, as at smoke size.

    There a size takes the place of what they differ in, such as the number of negatives.
    """
    groups = dict[str, list[str]]()
    for one in trainings:
        if one.seed == trainings[0].seed:
            groups.setdefault(json.dumps(one.settings, sort_keys=True), []).append(one.arm.name)
    return [names for names in groups.values() if len(names) > 1]


def flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Tables in tables as paths with dots, as TOML reads ``views.0.background.p = 0``.

    Example:
        >>> flatten({"lr": 0.1, "views": {"0": {"background": {"p": 0}}}})
        {'lr': 0.1, 'views.0.background.p': 0}
    """
    flat = dict[str, Any]()
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{name}": one for name, one in flatten(value).items()})
        else:
            flat[key] = value
    return flat


def as_text(value: Any) -> str:
    """A value as ``--set`` reads it.

    Example:
        >>> as_text(True), as_text((60, 80)), as_text(None), as_text(0.03)
        ('true', '60,80', 'none', '0.03')
    """
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
