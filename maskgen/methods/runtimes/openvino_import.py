"""OpenVINO, imported without its usage statistics."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

from maskgen.errors import EnvironmentFault

_STATISTICS = "openvino_telemetry"


def import_openvino() -> Any:
    """The module openvino.

    Importing it would otherwise report to its makers over the network, without asking (openvino 2026.4 sends an
    event per import). Where its statistics package cannot be imported it does without, so it is hidden meanwhile.

    Raises:
        EnvironmentFault: openvino is not installed.
    """
    if importlib.util.find_spec("openvino") is None:
        raise EnvironmentFault("openvino is not installed", remedy="pip install 'maskgen[openvino]'")
    hidden = _STATISTICS not in sys.modules
    if hidden:
        sys.modules[_STATISTICS] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        if hidden:
            del sys.modules[_STATISTICS]
