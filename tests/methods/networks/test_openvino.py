"""What importing and holding OpenVINO does to a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from u2net_samples import in_fresh_process


@pytest.mark.slow
def test_openvino_reports_to_nobody(weights: Path, tmp_path: Path) -> None:
    program = f"""
import sys
from maskgen.methods import load_network, MethodOptions
load_network("u2netp", MethodOptions(weights={str(weights)!r}, runtime="openvino", precision="fp32"))
print([name for name in sys.modules if name.startswith("openvino_telemetry")])
import openvino_telemetry  # the package itself is left as it was
"""
    assert in_fresh_process(program, HOME=str(tmp_path), OMP_NUM_THREADS="1") == "[]"
    assert not list(tmp_path.rglob("*openvino*"))  # where it would keep the client's number


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_signals_are_safe_whichever_openvino_network_goes_first(weights: Path, first: int) -> None:
    """OpenVINO swaps the thread's signal stack; with faulthandler there is one to swap."""
    program = f"""
import faulthandler, os, signal
faulthandler.enable()
from maskgen.methods import load_network, MethodOptions
options = MethodOptions(weights={str(weights)!r}, runtime="openvino", precision="fp32")
held = [load_network("u2netp", options) for _ in range(2)]
held.pop({first})
held.clear()
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
print("alive")
"""
    assert in_fresh_process(program) == "alive"
