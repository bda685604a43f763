"""What the bytes of the shards depend on: options, library versions, weights."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from maskgen import __version__
from maskgen.config import RunConfig
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import file_sha256
from maskgen.methods import METHODS

_ALWAYS = ("numpy", "opencv-python-headless", "pillow", "pyarrow")


def versions(method: str) -> dict[str, str]:
    """Versions of the distributions that shape the output.

    Raises:
        EnvironmentFault: one that the method needs is not installed.
    """
    names = sorted({*_ALWAYS, *METHODS[method].libraries})
    found = {"maskgen": __version__}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise EnvironmentFault(
                f"--method {method} needs the package {name}", remedy='pip install "maskgen[train]"'
            ) from error
    return found


def identity(config: RunConfig, plan_digest: str) -> dict[str, Any]:
    """Everything that a shard's bytes depend on, as plain JSON.

    Raises:
        UsageError: the method needs weights, or the file is not there.
    """
    return {
        "options": config.fingerprint_fields(),
        "versions": versions(config.method),
        "weights_sha256": _weights(config),
        "plan": plan_digest,
    }


def _weights(config: RunConfig) -> str:
    if not METHODS[config.method].needs_weights:
        return ""
    if not config.weights:
        raise UsageError(
            f"--method {config.method} needs --weights FILE", remedy="give the official checkpoint's path"
        )
    path = Path(config.weights)
    if not path.is_file():
        raise UsageError("no such weights file", where=config.weights)
    return file_sha256(path)
