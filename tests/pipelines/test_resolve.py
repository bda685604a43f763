"""What a run resolves to: nothing is left open, and what the method ignores does not count."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods import make_method
from maskgen.methods.networks.known import KNOWN_NETWORKS
from maskgen.pipelines import resolve as module
from maskgen.pipelines.resolve import devices_of, resolve

WEIGHTS = "weights/u2netp/u2netp_from_fp16.pth"


def wanted(**options: object) -> RunConfig:
    return make_config({"dataset": "sample", "output": "x", "method": "box", **options})


def test_a_method_without_a_network_ignores_what_networks_are_told() -> None:
    plain = resolve(wanted(method="mr"))
    told = resolve(wanted(method="mr", precision="bf16", runtime="torch", batch_size=8, device="cuda"))
    assert told == plain
    assert (plain.is_learned, plain.model_process, plain.devices) == (False, False, ("cpu",))
    assert plain.weights_sha256 == ""


def test_the_threshold_is_the_methods_own_unless_it_is_given() -> None:
    assert resolve(wanted(method="mr")).options.threshold == 0.3
    assert resolve(wanted(method="mr", threshold=0.45)).options.threshold == 0.45


def test_another_way_of_making_backgrounds_is_another_run() -> None:
    made = {
        name: resolve(wanted(background=name)).identity("")["options"].get("background_version")
        for name in ("tiled", "telea", "none")
    }
    assert made == {"tiled": 2, "telea": None, "none": None}


def test_the_versions_are_those_that_are_installed() -> None:
    versions = resolve(wanted(method="rbd", refine="none")).versions
    assert versions.pop("maskgen") == module.__version__
    assert {"numpy", "scipy", "opencv-python-headless", "pillow", "pyarrow"} <= versions.keys()
    assert versions == {name: metadata.version(name) for name in versions}
    assert "torch" not in versions


def test_a_package_that_is_not_there_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = metadata.version

    def version(name: str) -> str:
        if name == "scipy":
            raise metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(module.metadata, "version", version)
    with pytest.raises(EnvironmentFault, match="--method rbd needs the package scipy") as caught:
        resolve(wanted(method="rbd"))
    assert caught.value.remedy == "pip install scipy"


def test_a_network_is_resolved_to_its_file_runtime_and_precision(shared_data: Path) -> None:
    pytest.importorskip("torch")
    file = shared_data / WEIGHTS
    found = resolve(wanted(method="u2netp", weights=str(file), runtime="torch"))
    assert found.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found.options.runtime, found.options.precision, found.options.batch_size) == ("torch", "fp32", 1)
    assert (found.options.model_process, found.model_process) == ("off", False)
    assert found.versions["torch"] == metadata.version("torch")
    assert (found.method.weights, found.method.runtime) == (str(file), "torch")
    assert found.method_on("cuda:1") == dataclasses.replace(found.method, device="cuda:1")
    assert pickle.loads(pickle.dumps(found)) == found  # it goes to the workers
    asked = resolve(wanted(method="u2netp", weights=str(file), runtime="torch", model_process="on"))
    assert (asked.model_process, asked.options.batch_size) == (True, 32)


@pytest.mark.parametrize(("side", "batch"), [(224, 32), (320, 32), (640, 8), (1024, 3), (4096, 1)])
def test_a_process_for_the_network_takes_fewer_photos_of_large_inputs(
    tmp_path: Path, side: int, batch: int
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    photo, map_ = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, side, side])
        for name in ("photo", "map")
    )
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["photo"], ["map"])], "g", [photo], [map_]
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    given = {"method": "onnx", "network": "isnet", "weights": str(path)}
    assert resolve(wanted(**given, model_process="on")).options.batch_size == batch
    assert resolve(wanted(**given, model_process="on", batch_size=5)).options.batch_size == 5
    assert resolve(wanted(**given)).options.batch_size == 1


def test_resolving_again_changes_nothing() -> None:
    once = resolve(wanted(method="vote"))
    assert resolve(once.options) == once


def test_a_learned_method_without_weights_is_refused() -> None:
    with pytest.raises(UsageError, match="--method onnx needs --weights"):
        resolve(wanted(method="onnx", network="isnet"))


def test_weights_by_name_and_by_path_are_the_same_run_and_the_license_is_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    photo = onnx.helper.make_tensor_value_info("photo", onnx.TensorProto.FLOAT, [1, 3, 32, 32])
    node = onnx.helper.make_node("Identity", ["photo"], ["map"])
    map_ = onnx.helper.make_tensor_value_info("map", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([node], "g", [photo], [map_])
    model = onnx.helper.make_model(graph).SerializeToString()
    row = dataclasses.replace(KNOWN_NETWORKS["isnet"], sha256=hashlib.sha256(model).hexdigest())
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", row)
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path))
    (tmp_path / row.file_name).write_bytes(model)
    (tmp_path / "copy.onnx").write_bytes(model)
    by_name = resolve(wanted(method="isnet")).identity("plan")
    assert by_name == resolve(wanted(method="isnet", weights=str(tmp_path / "copy.onnx"))).identity("plan")
    assert by_name["weights_sha256"] == row.sha256
    assert by_name["weights"] == {"name": "isnet", "license": "Apache-2.0", "terms": row.terms}
    assert str(tmp_path) not in str(by_name)
    assert "torch" not in by_name["versions"]


def test_the_identity_holds_what_shapes_the_bytes_and_not_where_they_lie() -> None:
    one = resolve(wanted(output="here", workers=3, max_failures="5%")).identity("plan")
    assert one == resolve(wanted(output="there")).identity("plan")
    assert one.keys() == {"format", "options", "versions", "weights_sha256", "plan"}
    assert one != resolve(wanted(background="telea")).identity("plan")
    assert one != resolve(wanted()).identity("another plan")


@pytest.mark.parametrize(("text", "found"), [("0", ("cuda:0",)), ("0,2", ("cuda:0", "cuda:2"))])
def test_devices_are_numbers(text: str, found: tuple[str, ...]) -> None:
    assert devices_of(wanted(device="cuda", devices=text)) == found


@pytest.mark.parametrize("text", ["", "a", "0,", "0,0", "-1"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--devices"):
        devices_of(wanted(device="cuda", devices=text))


def test_the_default_needs_nothing_but_what_the_base_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    base = {re.split("[>=]", one)[0] for one in project["dependencies"]}
    for package in ("openvino", "torch", "onnx"):
        monkeypatch.setitem(sys.modules, package, None)
    found = resolve(make_config({"dataset": "sample", "output": "x"}))
    assert (found.options.method, found.options.runtime, found.options.precision) == (
        "fast",
        "onnxruntime",
        "fp32",
    )
    assert found.versions.keys() - {"maskgen"} <= base
    photo = np.full((90, 120, 3), (40, 90, 40), np.uint8)
    photo[25:60, 40:80] = (230, 60, 30)
    mask = make_method("fast", found.method)(photo)
    assert mask[30:55, 45:75].mean() > 0.8 > 0.1 > mask[:, :20].mean()
