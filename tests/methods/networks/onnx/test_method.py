"""An ONNX model as a mask method: its declaration becomes part of the options, and is fitted to the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import RUNTIMES, SIDE, channels, onnx

from maskgen.errors import UsageError
from maskgen.methods import MethodOptions, load_network, make_method, network_input, resolve_network
from maskgen.methods.network import NetworkInput
from maskgen.methods.networks.onnx.declaration import Declaration, NetworkOutput
from maskgen.methods.networks.onnx.message import Node
from maskgen.methods.networks.onnx.write import INPUT, OUTPUT, write_model

DECLARED = "mean = [0, 0, 0]\nstd = [1, 1, 1]\nactivation = 'none'\noutput = 'green'\n"


@pytest.fixture
def options(tmp_path: Path) -> MethodOptions:
    model, declaration = tmp_path / "model.onnx", tmp_path / "mine.toml"
    model.write_bytes(channels())
    declaration.write_text(DECLARED)
    return MethodOptions(weights=str(model), network=str(declaration))


def test_resolved_options_need_the_declarations_file_no_more(options: MethodOptions) -> None:
    resolved = resolve_network("onnx", options)
    Path(options.network).unlink()
    assert resolve_network("onnx", resolved) == resolved
    assert network_input("onnx", resolved).side == SIDE
    assert '"output":"green"' in resolved.network


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_mask_is_the_declared_output_at_the_photos_size(options: MethodOptions, runtime: str) -> None:
    photo = np.zeros((SIDE, SIDE, 3), np.uint8)
    photo[:, :, 1] = np.arange(SIDE)[:, None] * 15
    infer = load_network("onnx", MethodOptions(options.weights, network=options.network, runtime=runtime))
    np.testing.assert_allclose(infer(photo[None])[0], photo[..., 1] / 255, atol=1e-6)
    wide = make_method("onnx", options)(np.repeat(photo, 3, axis=1))
    np.testing.assert_allclose(wide, np.repeat(photo[..., 1], 3, axis=1) / 255, atol=1e-6)


def test_without_a_model_or_a_declaration_it_says_what_is_missing(options: MethodOptions) -> None:
    with pytest.raises(UsageError, match="--weights"):
        resolve_network("onnx", MethodOptions(network="u2net"))
    with pytest.raises(UsageError, match="--network"):
        resolve_network("onnx", MethodOptions(weights=options.weights))


def test_a_model_that_maskgen_has_exported_needs_no_declaration(tmp_path: Path) -> None:
    declared = Declaration(
        NetworkInput(SIDE, (0.5,) * 3, (0.25,) * 3, divisor="max", resize="official"),
        NetworkOutput(activation="sigmoid", stretch=True),
    )
    nodes = [Node("ReduceMean", [INPUT, "axes"], [OUTPUT], {"keepdims": 1})]
    model = tmp_path / "ours.onnx"
    model.write_bytes(write_model(nodes, {"axes": np.array([1])}, declared, side=SIDE, name="mean", words=""))
    resolved = resolve_network("onnx", MethodOptions(weights=str(model)))
    assert resolved.network == declared.render()
    other = resolve_network("onnx", MethodOptions(weights=str(model), network="u2net"))
    assert other.network != declared.render()  # what is given stands above it


@pytest.mark.parametrize("text", ["u2net", "/etc/passwd", "mine.toml"])
def test_a_model_cannot_name_a_file_or_a_network_by_itself(tmp_path: Path, text: str) -> None:
    model = onnx.load_from_string(channels())
    onnx.helper.set_model_props(model, {"declaration": text})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match="--network"):
        resolve_network("onnx", MethodOptions(weights=str(path)))
