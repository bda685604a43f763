"""`maskgen export-onnx`: the file against torch, in both runtimes, at sides that no halving divides."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.cli.app import main
from maskgen.methods.networks.onnx.declaration import KNOWN, read_declaration
from maskgen.methods.networks.onnx.file import read_model
from maskgen.methods.networks.u2net.layers import U2Net
from maskgen.methods.networks.u2net.weights import load_network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from maskgen.methods import MethodOptions  # noqa: E402 - needs the extra
from maskgen.methods.networks.onnx.session import model_runner  # noqa: E402
from maskgen.methods.networks.onnx.translate import export_error  # noqa: E402 - needs the extra
from maskgen.methods.networks.u2net.method import u2net_input  # noqa: E402 - needs the extra
from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx  # noqa: E402 - needs the extra

RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U²-Net-p whose saliency is neither flat nor saturated: convolutions and batch norms as if trained."""
    torch.manual_seed(0)
    network = U2Net("u2netp").train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, 3, 96, 96) * 2)  # running statistics away from 0 and 1
        network.outconv.weight *= 30
    path = tmp_path_factory.mktemp("weights") / "u2netp.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    def call(*words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["maskgen", *(str(word) for word in words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capfd.readouterr()

    return call


def export(call: Call, weights: Path, output: Path, *more: str) -> tuple[int, str, str]:
    place = ("--weights", weights, "--output", output)
    return call("export-onnx", "--method", "u2netp", *place, "--side", "64", *more)


@pytest.mark.slow
def test_the_command_writes_a_checked_model_and_says_how_close_it_is(
    call: Call, weights: Path, tmp_path: Path
) -> None:
    output = tmp_path / "new" / "u2netp.onnx"
    status, out, _ = export(call, weights, output, "--json")
    facts = json.loads(out)
    data = output.read_bytes()
    assert status == 0
    assert facts["max_error"] <= 1e-4
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert facts["bytes"] == len(data)
    assert [path.name for path in output.parent.iterdir()] == ["u2netp.onnx"]


@pytest.mark.slow
def test_a_file_is_not_replaced_unless_forced(call: Call, weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "u2netp.onnx"
    output.write_text("mine")
    status, _, error = export(call, weights, output)
    assert (status, output.read_text()) == (2, "mine")
    assert "--force" in error
    status, out, _ = export(call, weights, output, "--force")
    assert status == 0
    assert "from torch" in out
    onnx.checker.check_model(onnx.load(output), full_check=True)


@pytest.mark.slow
def test_weights_of_the_other_network_write_nothing(call: Call, weights: Path, tmp_path: Path) -> None:
    place = ("--weights", weights, "--output", tmp_path / "u2net.onnx")
    status, _, error = call("export-onnx", "--method", "u2net", *place)
    assert status == 2
    assert "--method u2netp" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_wrong_sha256_writes_nothing(call: Call, weights: Path, tmp_path: Path) -> None:
    status, _, error = export(call, weights, tmp_path / "x.onnx", "--weights-sha256", "0" * 64)
    assert status == 2
    assert "hash that was asked for" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("side", [64, 75])
def test_both_runtimes_give_torchs_saliency_for_any_batch(weights: Path, side: int) -> None:
    network = load_network("u2netp", weights)
    x = torch.randn((3, 3, side, side), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = network(x).numpy()
    assert np.ptp(wanted) > 0.1  # a flat map would prove nothing
    file = read_model(u2net_to_onnx(network, side))
    for runtime in RUNTIMES:
        for count in (1, 3):
            got = model_runner(file, runtime, (count, 3, side, side))(x[:count].numpy())
            np.testing.assert_allclose(got, wanted[:count], atol=1e-4)


@pytest.mark.slow
def test_the_check_sees_a_model_that_is_not_the_network(weights: Path) -> None:
    network = load_network("u2netp", weights)
    model = u2net_to_onnx(network, 64)
    photos = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    how = u2net_input(MethodOptions())
    assert export_error(network, model, photos, how) <= 1e-4
    with torch.no_grad():
        network.side3.bias += 0.01
    assert export_error(network, model, photos, how) > 1e-4


@pytest.mark.slow
def test_the_file_says_what_it_is_and_nothing_of_the_machine(weights: Path) -> None:
    network = load_network("u2netp", weights)
    data = u2net_to_onnx(network, 64, "u2netp")
    assert data == u2net_to_onnx(load_network("u2netp", weights), 64, "u2netp")
    model = onnx.load_from_string(data)
    told = {item.key: item.value for item in model.metadata_props}
    assert told["network"] == model.graph.name == "u2netp"
    assert read_declaration(told["declaration"]) == KNOWN["u2net"]
    assert model.producer_name == "maskgen"
    assert str(Path.home()).encode() not in data
    assert str(weights.parent).encode() not in data
    file = read_model(data)
    assert (file.batch, file.side, file.outputs, file.sigmoid) == (0, 64, ("saliency",), (True,))


@pytest.mark.slow
def test_u2net_has_the_published_number_of_parameters_in_the_file() -> None:
    torch.manual_seed(0)
    network = U2Net("u2net").eval()
    batch_norms = sum(p.numel() for name, p in network.named_parameters() if "bn_s1" in name)
    model = onnx.load_from_string(u2net_to_onnx(network, 64, "u2net"))
    held = sum(int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    assert held == 44_009_869 - batch_norms
    assert {node.op_type for node in model.graph.node} == {
        "Conv",
        "Relu",
        "MaxPool",
        "Resize",
        "Concat",
        "Add",
        "Sigmoid",
    }


@pytest.mark.slow
def test_the_exported_real_network_makes_the_same_shards_masks(
    call: Call, shared_data: Path, tmp_path: Path
) -> None:
    real = shared_data / "weights/u2netp/u2netp_from_fp16.pth"
    model = tmp_path / "u2netp.onnx"
    status, out, _ = call("export-onnx", "--method", "u2netp", "--weights", real, "--output", model, "--json")
    assert status == 0
    assert json.loads(out)["max_error"] <= 1e-4
    (tmp_path / "photos").mkdir()
    for photo in sorted((shared_data / "ecssd/images").iterdir())[::150]:
        shutil.copy(photo, tmp_path / "photos")
    source = ("--dataset", "folder", "--labels", "none", "--input", tmp_path / "photos", "--workers", "1")
    found = []
    for more in (
        ("--method", "u2netp", "--weights", real, "--resize", "official"),
        ("--method", "onnx", "--weights", model, "--network", "u2net"),
    ):
        output = tmp_path / more[1]
        status, _, error = call("run", *source, "--output", output, "--runtime", RUNTIMES[-1], *more)
        assert status == 0, error
        found.append(masks_in(output))
    assert len(found[0]) == 3
    assert found[0] == found[1]


def masks_in(folder: Path) -> dict[str, bytes]:
    with tarfile.open(next(folder.rglob("*.tar"))) as tar:
        members = [member for member in tar if member.name.endswith(".mask.png")]
        return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
