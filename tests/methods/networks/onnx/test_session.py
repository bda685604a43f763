"""Models in each runtime: arithmetic, threads, devices, missing packages."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_models import FLOAT16, RAW, RUNTIMES, channels, helper, maps, onnxruntime, photo, tiny

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods.networks.onnx.declaration import (
    KNOWN,
    NetworkOutput,
    fit_declaration,
)
from maskgen.methods.networks.onnx.session import onnx_infer
from maskgen.methods.networks.u2net.layers import U2Net
from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_in_half_precision(runtime: str) -> None:
    got = maps(channels(kind=FLOAT16), photo(), runtime)
    np.testing.assert_allclose(got, photo()[..., 0] / 255, atol=5e-4)
    assert got.dtype == np.float32


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_of_any_size_runs_at_the_declared_side(runtime: str) -> None:
    free = channels(sizes=("batch", 3, "height", "width"))
    how = dataclasses.replace(RAW, side=24)
    batch = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    np.testing.assert_allclose(maps(free, batch, runtime, how), batch[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_the_runtime_does_not_know_is_told(runtime: str) -> None:
    model = tiny([helper.make_node("NoSuchOperator", ["photo"], ["out"])], ["out"])
    with pytest.raises(UsageError, match="NoSuchOperator"):
        maps(model, photo(), runtime)


@pytest.mark.parametrize(
    ("runtime", "device", "precision", "words"),
    [
        ("torch", "cpu", "fp32", "torch"),
        ("openvino", "cuda", "fp32", "onnxruntime"),
        ("onnxruntime", "tpu", "fp32", "tpu"),
        ("onnxruntime", "cpu", "bf16", "fp32"),
        ("onnxruntime", "cuda", "fp16", "tf32"),
        ("openvino", "cpu", "mixed", "bf16"),
    ],
)
def test_combinations_that_would_not_be_kept_are_refused(
    runtime: str, device: str, precision: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        onnx_infer(channels(), RAW, NetworkOutput(), runtime=runtime, device=device, precision=precision)


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_cuda_is_an_error_and_no_silent_cpu_run(device: str) -> None:
    with pytest.raises(EnvironmentFault, match="has no CUDA"):
        onnx_infer(channels(), RAW, NetworkOutput(), runtime="onnxruntime", device=device)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["onnx", *RUNTIMES])
def test_a_missing_package_is_named_with_what_installs_it(tmp_path: Path, package: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(channels())
    runtime = RUNTIMES[0] if package == "onnx" else package
    program = f"""
import sys
sys.modules[{package!r}] = None
from pathlib import Path
from maskgen.errors import EnvironmentFault  # noqa: E402
from maskgen.methods.networks.onnx.declaration import KNOWN, fit_declaration  # noqa: E402
from maskgen.methods.networks.onnx.session import onnx_infer  # noqa: E402
try:
    fit = fit_declaration(KNOWN["u2net"], Path({str(path)!r}))
    onnx_infer(Path({str(path)!r}), fit.input, fit.output, runtime={runtime!r})
except EnvironmentFault as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert package in done.stdout
    wanted = {"onnx": "'maskgen[onnx]'", "openvino": "'maskgen[openvino]'"}
    assert f"pip install {wanted.get(package, package)}." in done.stdout


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """U²-Net-p with weights from a fixed seed."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("random") / "u2netp.onnx"
    path.write_bytes(u2net_to_onnx(U2Net("u2netp"), 160))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_thread_works_when_one_was_asked_for(random_model: Path, runtime: str) -> None:
    program = f"""
import os
from pathlib import Path
import numpy as np
from maskgen.methods.networks.onnx.declaration import KNOWN, fit_declaration  # noqa: E402
from maskgen.methods.networks.onnx.session import onnx_infer  # noqa: E402

def ticks():
    fields = [Path(f"/proc/self/task/{{task}}/stat").read_text().rpartition(")")[2].split()
              for task in os.listdir("/proc/self/task")]
    return sorted(int(f[11]) + int(f[12]) for f in fields)

path = Path({str(random_model)!r})
fit = fit_declaration(KNOWN["u2net"], path)
infer = onnx_infer(path, fit.input, fit.output, runtime={runtime!r})
photo = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)
infer(photo)
before = sum(ticks()), ticks()[-1]
for _ in range(20):
    infer(photo)
print(sum(ticks()) - before[0], ticks()[-1] - before[1])
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    together, busiest = (int(word) for word in done.stdout.split())
    assert together > 10  # hundredths of a second: there was work to share
    assert busiest >= 0.9 * together


@pytest.mark.slow
@pytest.mark.skipif("openvino" not in RUNTIMES, reason="openvino is not installed")
def test_openvino_computes_in_the_arithmetic_that_was_asked_for(random_model: Path) -> None:
    fit = fit_declaration(KNOWN["u2net"], random_model)
    batch = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)
    wanted = onnx_infer(random_model, fit.input, fit.output, runtime="onnxruntime")(batch)
    exact = onnx_infer(random_model, fit.input, fit.output, runtime="openvino")(batch)
    np.testing.assert_allclose(exact, wanted, atol=1e-4)
    try:
        coarse = onnx_infer(random_model, fit.input, fit.output, runtime="openvino", precision="bf16")(batch)
    except EnvironmentFault as error:
        pytest.skip(str(error))
    assert 1e-3 < np.abs(coarse - wanted).max() < 0.5
