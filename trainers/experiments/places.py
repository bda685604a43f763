"""Where data lie: names in braces in an experiment's options, and what ``--data`` gives for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..datasets.public.place import Place, parse_kind
from ..evaluations.suite.sections import known
from .spec import Experiment

_BRACES = re.compile(r"\{([A-Za-z][\w-]*)\}")


def names_in(value: Any) -> set[str]:
    """The names in braces, in a text or below a table or an array.

    Example:
        >>> from maskgen.trainers.experiments.places import names_in
        >>> sorted(names_in({"set": ["real={imagenet}/val"], "data": "{photos}"}))
        ['imagenet', 'photos']
    """
    return {name for text in _texts(value) for name in _BRACES.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def fill_places(value: Any, places: Mapping[str, str]) -> Any:
    """The value with what stands for the names in braces; those that `places` lacks stay.

    Example:
        >>> from maskgen.trainers.experiments.places import fill_places
        >>> fill_places({"data": "{imagenet}/val", "k": [1]}, {"imagenet": "/data/in"})
        {'data': '/data/in/val', 'k': [1]}
    """
    if isinstance(value, str):
        return _BRACES.sub(lambda match: places.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {key: fill_places(one, places) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [fill_places(one, places) for one in value]
    return value


def check_places(experiment: Experiment) -> None:
    """Every name in braces is one of ``[data]``, and each of these stands somewhere.

    Raises:
        UsageError: naming it.
    """
    where = str(experiment.path)
    used = training_names(experiment)
    for task in experiment.tasks:
        used |= names_in([task.options, task.smoke])
    used |= names_in(experiment.defaults)
    for name in sorted(used):
        known(name, experiment.data, "place in [data]", where)
    for name, what in experiment.data.items():
        if not isinstance(what, str) or not what:
            raise UsageError(
                f"{name} does not say what lies there", where=f"{where}: data", remedy="in a text"
            )
        if name not in used:
            raise UsageError(
                f"nothing uses the place {name!r}",
                where=f"{where}: data",
                remedy=f"write {{{name}}}, or drop it",
            )


def training_names(experiment: Experiment) -> set[str]:
    """The places that trainings need."""
    common, small = experiment.training, experiment.smoke
    tables = [common.options, common.settings, small.options, small.settings]
    return names_in([*tables, *([arm.options, arm.settings] for arm in experiment.arms)])


def parse_places(texts: Sequence[str], experiment: Experiment) -> dict[str, str]:
    """What ``--data`` says, by name; paths become absolute, so that they mean the same in every process.

    Args:
        texts: ``NAME=PLACE``; of an experiment with one place, ``PLACE`` alone.
        experiment: whose places they are.

    Raises:
        UsageError: a name that there is not, or that comes twice, or a text without one.
    """
    given = dict[str, str]()
    for text in texts:
        name, sign, place = text.partition("=")
        if (not sign or name not in experiment.data) and len(experiment.data) == 1:
            name, sign, place = next(iter(experiment.data)), "=", text
        if not sign or not place:
            raise UsageError(
                f"--data takes NAME=PLACE, got {text!r}", remedy=f"the names are {', '.join(experiment.data)}"
            )
        if name not in experiment.data:
            raise UsageError(f"--data has no {name!r}", remedy=nearest(name, experiment.data))
        if name in given:
            raise UsageError(f"--data gives {name!r} twice", remedy="give it once")
        given[name] = absolute(place)
    return given


def check_training_places(experiment: Experiment, places: Mapping[str, str]) -> None:
    """Refuse to train without what trainings need.

    Raises:
        UsageError: saying what should lie there.
    """
    for name in sorted(training_names(experiment)):
        if name not in places:
            raise UsageError(
                f"--data lacks {name!r}",
                cause=f"trainings need it: {experiment.data[name]}",
                remedy=f"add --data {name}=PLACE",
            )


def absolute(place: str) -> str:
    """A place with an absolute path: of a folder, a file, ``KIND:PATH@SPLIT``; addresses stay.

    Example:
        >>> from maskgen.trainers.experiments.places import absolute
        >>> absolute("folder:/data/photos"), absolute("s3://bucket/shards")
        ('folder:/data/photos', 's3://bucket/shards')
    """
    if "://" in place:
        return place
    found = parse_kind(place)
    if isinstance(found, Place):
        return str(replace(found, path=Path(found.path).absolute()))
    return str(Path(place).absolute()) if found is None else f"folder:{found.absolute()}"
