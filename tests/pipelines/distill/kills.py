"""A training done from a test, killed at a chosen call, and what it has left as hashes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from maskgen.pipelines.distill.run import STEPS, RunHooks, begin, run
from maskgen.pipelines.distill.settings.settings import Request, read_settings
from maskgen.pipelines.distill.training.phase import Hardware
from maskgen.pipelines.distill.work_folder import WorkFolder, open_work_folder

HOOKS = RunHooks(workers=1, hardware=Hardware(threads=1))


def do(output: Path, steps: tuple[str, ...] = STEPS, hooks: RunHooks = HOOKS) -> WorkFolder:
    work = open_work_folder(output)
    run(work, read_settings(work), steps, hooks)
    return work


def hashes(output: Path) -> dict[str, str]:
    """SHA-256 of every file but the log of times."""
    files = (path for path in sorted(output.rglob("*")) if path.is_file() and path.name != "log.jsonl")
    return {str(path.relative_to(output)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Killed(BaseException):
    """Not an Exception: nothing in the code may catch it."""


@contextlib.contextmanager
def killed(target: Any, name: str, call: int, *, after: bool) -> Iterator[None]:
    """The block dies at the `call`-th call of a function, before or after that has done its work."""
    real: Callable[..., Any] = getattr(target, name)
    calls = itertools.count(1)

    def counting(*args: Any, **options: Any) -> Any:
        number = next(calls)
        if number == call and not after:
            raise Killed
        result = real(*args, **options)
        if number == call and after:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, name, counting)
        with pytest.raises(Killed):
            yield


def request(output: Path, source: Path, **given: Any) -> Request:
    return Request(output=output, inputs=(str(source),), **{"preset": "test", **given})


def begin_test(output: Path, source: Path) -> None:
    """A training of the preset `test`, begun."""
    begin(request(output, source))


def begin_student(output: Path, source: Path, classifier: Path) -> None:
    """A student of the preset `test-student`, taught by two priors, begun."""
    begin(request(output, source, preset="test-student", teachers=("mr", "rbd"), init=str(classifier)))
