"""A run from Python: one call, with the options of `maskgen run` by name."""

from __future__ import annotations

import dataclasses
from os import PathLike
from typing import TYPE_CHECKING, Any

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import UsageError

if TYPE_CHECKING:
    from .running import Outcome, RunOptions


def run(config: RunConfig | None = None, /, *, options: RunOptions | None = None, **values: Any) -> Outcome:
    """Make the shards of a data set, as `maskgen run` does. The same call resumes a run that was interrupted.

    Work is spread over processes that import the calling script anew: call this under
    ``if __name__ == "__main__":`` there.

    Args:
        config: the whole configuration; or leave it out and name its fields.
        options: what steers the run without touching the shards' bytes.
        **values: fields of `RunConfig`: at least dataset, output and, but for `sample`, input; paths may be
            Path objects.

    Returns:
        What was done; its `exit_code` is 1 when more images failed than `max_failures` allows.

    Raises:
        UsageError: an unknown or wrong option; other settings than those the folder was made with.
        EnvironmentFault: disk, package, GPU.
        SourceFault: an input that cannot be read as a whole.
        Interrupted: a signal; what is committed stays.

    Example:
        >>> import maskgen, pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> outcome = maskgen.run(dataset="sample", output=folder.name, method="box", limit=2, workers=1)
        >>> outcome.manifest.samples, outcome.exit_code
        (2, 0)
        >>> folder.cleanup()
    """
    if config is not None and not isinstance(config, RunConfig):
        raise UsageError(
            f"run takes a RunConfig or options by name, not {config!r}",
            remedy='name the options: run(dataset="folder", input=..., output=...)',
        )
    if config is not None and values:
        raise UsageError(
            "run takes a RunConfig or options by name, not both",
            remedy="dataclasses.replace(config, ...) changes a configuration",
        )
    if config is not None:
        values = dataclasses.asdict(config)
    from .running import run as make_shards

    return make_shards(make_config({name: _plain(value) for name, value in values.items()}), options)


def _plain(value: Any) -> Any:
    """A path as its text, anything else as it is."""
    return value.__fspath__() if isinstance(value, PathLike) else value
