"""Weights by the method's name, from a real server on this machine, or from the folder where they lie."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from file_server import Server, serving

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods import MethodOptions, make_mask
from maskgen.methods.networks.known import KNOWN_NETWORKS
from maskgen.pipelines.weights import fetch_known, find_weights, known_path

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def _gray_model() -> bytes:
    """The mean over the channels; its side is free, its map may be taken for any declaration's."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["photo", "axes"], ["gray"])],
        "gray",
        [helper.make_tensor_value_info("photo", kind, ["batch", 3, 32, 32])],
        [helper.make_tensor_value_info("gray", kind, None)],
        [helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])],
    )
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


MODEL = _gray_model()
SHA256 = hashlib.sha256(MODEL).hexdigest()
PHOTO = np.zeros((40, 60, 3), np.uint8)
PHOTO[10:30, 20:50] = (250, 240, 230)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Every known network is the small model on this server, and the folder of weights is empty."""
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path / "weights"))
    with serving(MODEL) as server:
        for name, row in KNOWN_NETWORKS.items():
            facts = {"address": f"{server.address}/{row.file_name}", "size": len(MODEL), "sha256": SHA256}
            published = "md5:" + hashlib.md5(MODEL).hexdigest()
            monkeypatch.setitem(KNOWN_NETWORKS, name, dataclasses.replace(row, **facts, published=published))
        yield server


def test_a_known_network_is_fetched_once_and_needs_no_network_after_that(server: Server) -> None:
    found = find_weights("isnet", MethodOptions())
    assert (found.path, found.sha256) == (known_path("isnet"), SHA256)
    assert found.path.read_bytes() == MODEL
    server.shutdown()
    server.server_close()
    assert find_weights("isnet", MethodOptions()) == found
    assert server.asked == ["/isnet-general-use.onnx"]


@pytest.mark.parametrize("name", ["isnet", "u2netp", "birefnet-lite"])
def test_a_mask_by_name_alone(server: Server, name: str) -> None:
    if name == "birefnet-lite":  # whose sigmoid is to come: mean 0 of the pixels is .5, and black is below
        mask = make_mask(name, PHOTO, weights=find_weights(name, MethodOptions()).path)
        assert 0 < mask.min() < 0.5 < mask.max() < 1
    else:
        mask = make_mask(name, PHOTO, weights=find_weights(name, MethodOptions()).path)
        assert (mask[20, 35], mask[2, 2]) == (1, 0)
    assert len(server.asked) == 1


def test_a_file_put_there_by_hand_is_used(server: Server) -> None:
    known_path("silueta").parent.mkdir()
    known_path("silueta").write_bytes(MODEL)
    assert find_weights("silueta", MethodOptions()).sha256 == SHA256
    assert server.asked == []


def test_another_file_in_its_place_is_refused_and_kept(server: Server) -> None:
    path = known_path("u2net")
    path.parent.mkdir()
    path.write_bytes(b"my own")
    with pytest.raises(UsageError, match=f"not the file that is known as u2net: {path}") as caught:
        find_weights("u2net", MethodOptions())
    assert SHA256 in str(caught.value)
    assert path.read_bytes() == b"my own"
    assert server.asked == []


def test_a_file_that_changed_at_its_publisher_is_not_used(server: Server) -> None:
    server.content = MODEL[:-1] + b"x"
    with pytest.raises(UsageError, match="do not have the hash") as caught:
        fetch_known("isnet")
    assert f"copy it to {known_path('isnet')}" in caught.value.remedy
    assert not known_path("isnet").exists()
    server.content = MODEL + b"more"
    with pytest.raises(UsageError, match=f"larger than {len(MODEL)}"):
        fetch_known("isnet")


def test_offline_it_says_where_a_copy_belongs(server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(EnvironmentFault, match="cannot be downloaded") as caught:
        find_weights("inspyrenet", MethodOptions())
    for word in (str(known_path("inspyrenet")), "MASKGEN_WEIGHTS", "https_proxy", "--weights"):
        assert word in caught.value.remedy


@pytest.mark.parametrize("name", ["rmbg-1.4", "rmbg-2.0"])
def test_a_license_against_commercial_use_must_be_accepted_before_anything_is_sent(
    server: Server, name: str
) -> None:
    with pytest.raises(UsageError, match=f"weights of {name} may not be used commercially") as caught:
        find_weights(name, MethodOptions())
    assert KNOWN_NETWORKS[name].terms in str(caught.value)
    assert "--accept-license" in caught.value.remedy
    assert server.asked == []
    assert find_weights(name, MethodOptions(), accept_license=True).sha256 == SHA256


def test_the_license_is_asked_for_whatever_path_the_file_came_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dataclasses.replace(KNOWN_NETWORKS["rmbg-1.4"], sha256=SHA256)
    monkeypatch.setitem(KNOWN_NETWORKS, "rmbg-1.4", row)
    path = tmp_path / "renamed.onnx"
    path.write_bytes(MODEL)
    options = MethodOptions(weights=str(path), network="isnet")
    with pytest.raises(UsageError, match="commercially"):
        find_weights("onnx", options)
    assert find_weights("onnx", options, accept_license=True).path == path


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (MethodOptions(runtime="torch"), UsageError),
        (MethodOptions(precision="mixed"), UsageError),
        (MethodOptions(device="tpu"), UsageError),
        (MethodOptions(device="cuda", runtime="onnxruntime"), EnvironmentFault),
    ],
)
def test_what_cannot_run_is_told_before_the_download(
    server: Server, options: MethodOptions, kind: type[Exception]
) -> None:
    if options.device == "cuda":
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(kind):
        find_weights("u2netp", options)
    assert server.asked == []


def test_methods_that_nobody_publishes_still_need_their_weights(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--method onnx needs --weights"):
        find_weights("onnx", MethodOptions(network="isnet"))
    assert find_weights("deepusps", MethodOptions()).path.name == "deepusps.safetensors"
