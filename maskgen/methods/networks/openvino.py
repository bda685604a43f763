"""OpenVINO, imported without its usage statistics, and told how to compute."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.errors import EnvironmentFault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..network import Run

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "mixed": "bf16"}
"""OpenVINO's names of our precisions."""

_STATISTICS = "openvino_telemetry"


def import_openvino() -> Any:
    """The module openvino.

    Importing it would otherwise report to its makers over the network, without asking (openvino 2026.4 sends
    an event per import). Where its statistics package cannot be imported it does without, so it is hidden
    meanwhile.

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


@lru_cache
def openvino_core() -> Any:
    """The one openvino.Core of this process.

    Each Core loads the CPU plugin anew, and each plugin puts a signal stack of its own in the place of the
    one before, which it puts back when it goes (openvino 2026.4). Of two that do not go in reverse order one
    puts back a stack that is freed, and the next signal kills the process.

    Raises:
        EnvironmentFault: openvino is not installed.
    """
    return import_openvino().Core()


def compile_model(model: Any, precision: str) -> Any:
    """Compile a model for this CPU: one request at a time, in exactly this arithmetic.

    One thread when OMP_NUM_THREADS is 1, OpenVINO's own choice otherwise. The arithmetic is always set: left
    alone, OpenVINO takes bfloat16 where the CPU has it.

    Raises:
        EnvironmentFault: the CPU does not have the arithmetic.
    """
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": False,  # several processes would all sit on the first core
    }
    if os.environ.get("OMP_NUM_THREADS") == "1":
        settings["INFERENCE_NUM_THREADS"] = 1
    compiled = openvino_core().compile_model(model, "CPU", settings)
    got = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if got != HINTS[precision]:
        raise EnvironmentFault(
            f"this CPU has no {HINTS[precision]}", cause=f"OpenVINO took {got}", remedy="--precision fp32"
        )
    return compiled


def bind_output(compiled: Any, index: int, names: tuple[str, ...] = ()) -> Run:
    """One output of a compiled model as a function of its inputs, of those named where there are several."""
    request = compiled.create_infer_request()

    def run(*arrays: NDArray[Any]) -> NDArray[Any]:
        given = dict(zip(names, arrays, strict=True)) if names else list(arrays)
        request.infer(given, share_inputs=True)
        return np.array(request.get_output_tensor(index).data)

    return run
