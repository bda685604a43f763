"""The teachers of a student: mask methods with their weights, or a folder of masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.methods import METHODS, MethodOptions
from maskgen.methods.networks.known import KNOWN_NETWORKS
from maskgen.pipelines.weights import find_weights

FILES = "files"
"""Masks that are there already, as image files."""
NOISY = frozenset({"rbd", "mr", "dsr", "mc", "vote", "deepvote", "deepusps", "box"})
"""Methods without human labels: wrong on one photo in six and more."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """One teacher.

    Args:
        name: of its maps in the store; distinct.
        method: a name of METHODS.
        path: its weights, or the folder of masks, absolute; empty: none needed.
        sha256: of the weights; empty for none and for a folder.
        network: what describes an ONNX model, see `--network` of `maskgen run`.
    """

    name: str
    method: str
    path: str = ""
    sha256: str = ""
    network: str = ""

    @property
    def options(self) -> MethodOptions:
        """How its masks are made, on a CPU."""
        return MethodOptions(weights=self.path, network=self.network)

    def facts(self) -> dict[str, Any]:
        """What of it shapes the student."""
        facts = dataclasses.asdict(self)
        del facts["path"]  # it may move
        return facts


def read_teachers(texts: Sequence[str], *, accept_license: bool = False) -> tuple[Teacher, ...]:
    """Teachers from the command line's words; weights that are known by name are fetched.

    Args:
        texts: each ``METHOD``, ``METHOD=WEIGHTS``, ``onnx:NETWORK=MODEL`` or ``files=FOLDER``.
        accept_license: whether a license that forbids commercial use is accepted.

    Raises:
        UsageError: an unknown method, no such file or folder, weights that are needed and not given, or a
            license that has to be accepted.
        EnvironmentFault: a download that failed, or a package that is not here.

    Example:
        >>> from maskgen.pipelines.distill.settings.teachers import read_teachers
        >>> [one.name for one in read_teachers(["vote", "mr"])]
        ['vote', 'mr']
    """
    taken: dict[str, int] = {}
    return tuple(_read(text, taken, accept_license) for text in texts)


def _read(text: str, taken: dict[str, int], accept_license: bool) -> Teacher:
    words, _, place = text.partition("=")
    method, _, network = words.partition(":")
    if method not in METHODS:
        raise UsageError(f"--teacher got {text!r}", remedy=nearest(method, list(METHODS)))
    taken[method] = taken.get(method, 0) + 1
    name = method if taken[method] == 1 else f"{method}-{taken[method]}"
    path = Path(place).resolve() if place else None
    if method == FILES:
        if path is None or not path.is_dir():
            raise UsageError(
                f"--teacher {text} names no folder of masks",
                remedy="--teacher files=FOLDER, with each photo's mask under the photo's own path and name",
            )
        return Teacher(name, method, str(path))
    spec = METHODS[method]
    if spec.network is None:
        if place or network:
            raise UsageError(f"--teacher {text}: {method} takes no weights", remedy=f"--teacher {method}")
        return Teacher(name, method)
    if network and method != "onnx":
        raise UsageError(
            f"--teacher {text}: only onnx is described by a word after a colon",
            remedy=f"--teacher {method}={place}" if place else f"--teacher {method}",
        )
    if path is None and not spec.released and method not in KNOWN_NETWORKS:
        raise UsageError(
            f"--teacher {method} needs its weights",
            remedy=f"--teacher {method}{':NETWORK' if method == 'onnx' else ''}=FILE",
        )
    options = MethodOptions(weights=str(path or ""), network=network)
    weights = find_weights(method, options, accept_license=accept_license)
    declared = ""
    if spec.network.declare is not None:
        declared = spec.network.declare(MethodOptions(weights=str(weights.path), network=network))
    return Teacher(name, method, str(weights.path), weights.sha256, declared)


def are_noisy(teachers: Sequence[Teacher]) -> bool:
    """Whether none of the teachers has seen human labels, as far as their names say."""
    return bool(teachers) and all(one.method in NOISY for one in teachers)
