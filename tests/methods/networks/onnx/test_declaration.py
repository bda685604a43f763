"""ONNX models: declarations, tiny models with hand-worked results, refusals, and U²-Net-p against torch."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.network import NetworkInput
from maskgen.methods.networks.onnx.arrays import planes
from maskgen.methods.networks.onnx.declaration import KNOWN, Declared, NetworkOutput, declared, fitted
from maskgen.methods.networks.onnx.file import read_model
from maskgen.methods.networks.onnx.session import onnx_infer
from maskgen.methods.networks.u2net.layers import U2Net
from maskgen.methods.networks.u2net.weights import load_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from maskgen.methods.networks.u2net.onnx_export import u2net_to_onnx  # noqa: E402 - needs the extra

helper = onnx.helper

RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
SIDE = 16

RAW = NetworkInput(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), divisor="255", resize="antialias")
"""Pixels over 255, nothing else."""


def tiny(
    nodes: Sequence[Any],
    outputs: Sequence[str],
    *,
    sizes: Sequence[int | str] = ("batch", 3, SIDE, SIDE),
    kind: int = FLOAT,
    initializers: Sequence[Any] = (),
    **model: Any,
) -> bytes:
    """A model with the input ``photo`` and outputs of any size."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("photo", kind, list(sizes))],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        list(initializers),
    )
    opsets = model.pop("opset_imports", [helper.make_opsetid("", 18)])
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8, **model).SerializeToString())


def channels(**model: Any) -> bytes:
    """The planes of the input as outputs red, green and blue."""
    return tiny(
        [helper.make_node("Split", ["photo"], ["red", "green", "blue"], axis=1, num_outputs=3)],
        ["red", "green", "blue"],
        **model,
    )


def photo(count: int = 1, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def maps(
    model: bytes,
    batch: NDArray[Any],
    runtime: str,
    input: NetworkInput = RAW,  # noqa: A002
    output: NetworkOutput = NetworkOutput(),  # noqa: B008 - frozen
) -> NDArray[Any]:
    return onnx_infer(model, input, output, runtime=runtime)(batch)


# --- declarations


def test_a_declaration_is_read_back_from_its_text() -> None:
    for name, known in KNOWN.items():
        text = known.render()
        assert declared(text) == declared(name) == known
        assert text == declared(text).render()
        assert " " not in text


def test_a_toml_file_says_the_same_as_json(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        "side = 512\nmean = [0.5, 0.25, 0]\nstd = [1, 1, 2]\ndivisor = 'max'\nresize = 'official'\n"
        "output = 'alpha'\nactivation = 'sigmoid'\nstretch = true\n"
    )
    wanted = Declared(
        NetworkInput(512, (0.5, 0.25, 0.0), (1.0, 1.0, 2.0), "max", "official"),
        NetworkOutput("alpha", "sigmoid", stretch=True),
    )
    assert declared(str(path)) == wanted
    assert wanted.render() == (
        '{"activation":"sigmoid","divisor":"max","mean":[0.5,0.25,0.0],"output":"alpha","resize":"official",'
        '"side":512,"std":[1.0,1.0,2.0],"stretch":true}'
    )


def test_what_a_toml_file_may_leave_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mean = [0, 0, 0]\nstd = [1, 1, 1]\nactivation = 'none'\n")
    short = declared(str(path))
    assert short.input == NetworkInput(0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "255", "antialias")
    assert short.output == NetworkOutput(0, "none", stretch=False)
    assert fitted(short, channels()).input.side == SIDE


def test_the_example_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[4] / "docs/how-to/networks.md").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    birefnet = declared("birefnet")
    output = dataclasses.replace(birefnet.output, output=0)
    assert declared(str(path)) == Declared(birefnet.input, output)


COMPLETE = {"side": "64", "mean": "[0,0,0]", "std": "[1,1,1]", "activation": "'none'"}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("side", "8", "16 to 8192"),
        ("side", "0", "16 to 8192"),
        ("side", "true", "16 to 8192"),
        ("side", "320.0", "16 to 8192"),
        ("mean", "[0.5, 0.5]", "three numbers"),
        ("mean", "0.5", "three numbers"),
        ("mean", "[0, 0, nan]", "three numbers"),
        ("std", "[1, 0, 1]", "above 0"),
        ("std", "['1', '1', '1']", "three numbers"),
        ("divisor", "127", "255 or max"),
        ("resize", "'lanczos'", "official or antialias"),
        ("output", "true", "index or a name"),
        ("output", "''", "index or a name"),
        ("activation", "'softmax'", "none or sigmoid"),
        ("stretch", "1", "true or false"),
        ("sdt", "[1, 1, 1]", "did you mean 'std'"),
    ],
)
def test_a_wrong_declaration_names_the_key_and_the_file(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("".join(f"{name} = {text}\n" for name, text in {**COMPLETE, key: value}.items()))
    with pytest.raises(UsageError) as caught:
        declared(str(path))
    assert words in str(caught.value)
    assert key in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("missing", ["mean", "std", "activation"])
def test_what_must_be_declared(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("".join(f"{name} = {text}\n" for name, text in COMPLETE.items() if name != missing))
    with pytest.raises(UsageError, match=missing):
        declared(str(path))


def test_names_and_files_that_are_not_there(tmp_path: Path) -> None:
    broken, long = tmp_path / "broken.toml", tmp_path / "long.toml"
    broken.write_text("mean = [")
    long.write_text("#" * 100_000)
    for text, words in {
        "": "u2net, isnet, birefnet, inspyrenet",
        "birefnt": "birefnet",
        str(tmp_path / "none.toml"): "No such file",
        str(broken): "broken.toml",
        str(long): "too long",
        "{": "JSON",
    }.items():
        with pytest.raises(UsageError) as caught:
            declared(text)
        assert words in str(caught.value)


# --- the known networks' preparation, against their authors' own steps


def authors_u2net(image: Image.Image) -> NDArray[Any]:
    from skimage.transform import resize

    small = resize(np.asarray(image), (320, 320), order=1, mode="constant", anti_aliasing=False)
    return (small / small.max() - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


def authors_isnet(image: Image.Image) -> NDArray[Any]:
    x = torch.tensor(np.asarray(image), dtype=torch.float32).permute(2, 0, 1)[None]
    small = functional.interpolate(x, (1024, 1024), mode="bilinear", align_corners=False)
    return small[0].permute(1, 2, 0).numpy() / 255 - 0.5  # theirs truncates to whole pixel values before


def authors_birefnet(image: Image.Image) -> NDArray[Any]:
    small = np.asarray(image.resize((1024, 1024), Image.Resampling.BILINEAR), np.float64)
    return (small / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.mark.parametrize(
    ("name", "authors"),
    [
        ("u2net", authors_u2net),
        ("isnet", authors_isnet),
        ("birefnet", authors_birefnet),
        ("inspyrenet", authors_birefnet),  # the same by their code
    ],
)
def test_known_networks_prepare_photos_as_their_authors_do(
    name: str, authors: Callable[[Image.Image], NDArray[Any]]
) -> None:
    from skimage import data

    image = Image.fromarray(data.coffee()[:, 20:480])
    known = KNOWN[name].input
    ours = planes(known.prepare(np.asarray(image))[None], known)[0].transpose(1, 2, 0)
    inner = (slice(2, -2), slice(2, -2))  # where a photo is enlarged, the authors' edge rules differ
    apart = np.abs(ours - authors(image))[inner]
    assert apart.max() < 1.01 / 255 / min(known.std)
    assert apart.mean() < 0.2 / 255 / min(known.std)


# --- what goes in and what comes out


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_channels_are_planes_in_the_order_rgb_less_mean_over_std(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(-0.1, 0.0, -0.5), std=(2.0, 1.25, 4.0))
    batch = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    batch[0, 1, 2] = (51, 102, 255)  # 0.2, 0.4, 1.0
    wanted = {"red": (0.2 + 0.1) / 2, "green": 0.4 / 1.25, "blue": (1.0 + 0.5) / 4}
    elsewhere = {"red": 0.05, "green": 0.0, "blue": 0.125}
    for index, name in enumerate(wanted):
        for output in (name, index, index - 3):
            got = maps(channels(), batch, runtime, how, NetworkOutput(output))
            assert got.shape == (1, SIDE, SIDE)
            assert got.dtype == np.float32
            assert got[0, 1, 2] == pytest.approx(wanted[name], abs=1e-6)
            assert got[0, 2, 1] == pytest.approx(elsewhere[name], abs=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_divisor_max_is_each_photos_own(runtime: str) -> None:
    batch = np.zeros((3, SIDE, SIDE, 3), np.float32)
    batch[0, 0, 0] = (50, 100, 200)
    batch[1, 0, 0] = (10, 5, 10)  # the third stays black
    got = maps(channels(), batch, runtime, dataclasses.replace(RAW, divisor="max"))
    np.testing.assert_allclose(got[:, 0, 0], [0.25, 1, 0], atol=1e-6)
    got = maps(channels(), batch, runtime)
    np.testing.assert_allclose(got[:, 0, 0], [50 / 255, 10 / 255, 0], atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_sigmoid_and_stretch(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(0.5, 0.5, 0.5), std=(0.05, 0.05, 0.05))
    batch = np.full((1, SIDE, SIDE, 3), 127.5, np.float32)  # logit 0
    batch[0, 0, 0], batch[0, 0, 1] = 0, 255  # logits -10 and 10
    low, high = 1 / (1 + np.exp(10)), 1 / (1 + np.exp(-10))
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "sigmoid"))
    np.testing.assert_allclose(got[0, 0, :3], [low, high, 0.5], atol=1e-6)
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "none", stretch=True))
    np.testing.assert_allclose(got[0, 0, :3], [0, 1, 0.5], atol=1e-6)
    batch[0, 0, 1] = 127.5
    got = maps(channels(), batch, runtime, how, NetworkOutput(0, "sigmoid", stretch=True))
    np.testing.assert_allclose(got[0, 0, :3], [0, 1, 1], atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_constant_map_is_empty_when_stretched_and_itself_when_not(runtime: str) -> None:
    batch = np.full((2, SIDE, SIDE, 3), 102, np.uint8)
    assert not maps(channels(), batch, runtime, output=NetworkOutput(stretch=True)).any()
    np.testing.assert_allclose(maps(channels(), batch, runtime), 0.4, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("size", ["batch", 1, 3])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_batch_gives_what_its_photos_give_alone(runtime: str, size: int | str, count: int) -> None:
    model = channels(sizes=(size, 3, SIDE, SIDE))
    batch = photo(count)
    np.testing.assert_allclose(maps(model, batch, runtime), batch[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_in_half_precision(runtime: str) -> None:
    got = maps(channels(kind=FLOAT16), photo(), runtime)
    np.testing.assert_allclose(got, photo()[..., 0] / 255, atol=5e-4)
    assert got.dtype == np.float32


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_map_that_is_not_finite_costs_its_photo_only(runtime: str) -> None:
    model = tiny([helper.make_node("Log", ["photo"], ["all"]), split("all")], ["red", "green", "blue"])
    how = dataclasses.replace(RAW, std=(1 / 255,) * 3)
    good, bad = np.full((1, SIDE, SIDE, 3), 2, np.uint8), np.zeros((1, SIDE, SIDE, 3), np.uint8)  # log 0
    with pytest.raises(ImageFault, match="non-finite"):
        maps(model, bad, runtime, how)
    got = maps(model, np.concatenate([good, bad, good]), runtime, how)
    np.testing.assert_allclose(got[:, 0, 0], [np.log(2), np.nan, np.log(2)], atol=1e-5)
    assert np.isnan(got[1]).all()


def split(name: str) -> Any:
    return helper.make_node("Split", [name], ["red", "green", "blue"], axis=1, num_outputs=3)


# --- contradictions


def test_the_side_comes_from_the_model_where_it_is_fixed() -> None:
    fixed, free = channels(), channels(sizes=("batch", 3, "height", "width"))
    assert fitted(KNOWN["isnet"], fixed).input.side == SIDE
    assert fitted(KNOWN["isnet"], free).input.side == 1024
    said = Declared(dataclasses.replace(RAW, side=32))
    assert fitted(said, free).input.side == 32
    with pytest.raises(UsageError, match="side 32 and the model takes 16x16"):
        fitted(said, fixed)
    with pytest.raises(UsageError, match="side = 1024"):
        fitted(Declared(dataclasses.replace(RAW, side=0), side_is_usual=True), free)
    fit = fitted(KNOWN["isnet"], fixed)
    assert declared(fit.render()) == fit
    assert fitted(fit, fixed) == fit


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_of_any_size_runs_at_the_declared_side(runtime: str) -> None:
    free = channels(sizes=("batch", 3, "height", "width"))
    how = dataclasses.replace(RAW, side=24)
    batch = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    np.testing.assert_allclose(maps(free, batch, runtime, how), batch[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_logits_that_were_declared_as_a_map_are_found_out(runtime: str) -> None:
    how = dataclasses.replace(RAW, mean=(0.5, 0.5, 0.5), std=(0.1, 0.1, 0.1))
    with pytest.raises(UsageError, match="sigmoid"):
        maps(channels(), photo(), runtime, how)


def test_one_sigmoid_too_many_is_found_out_before_the_run() -> None:
    nodes = [
        split("photo"),
        helper.make_node("Sigmoid", ["red"], ["map"]),
        helper.make_node("Identity", ["map"], ["last"]),
    ]
    model = tiny(nodes, ["green", "last"])
    with pytest.raises(UsageError, match="already"):
        fitted(Declared(RAW, NetworkOutput("last", "sigmoid")), model)
    assert fitted(Declared(RAW, NetworkOutput("green", "sigmoid")), model).output.activation == "sigmoid"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_output_that_is_no_map_is_named(runtime: str) -> None:
    model = tiny([helper.make_node("Identity", ["photo"], ["all"])], ["all"])
    with pytest.raises(UsageError, match="16x16 map per photo"):
        maps(model, photo(), runtime)
    for output in (3, -4, "alpha"):
        with pytest.raises(UsageError, match="red, green, blue"):
            maps(channels(), photo(), runtime, output=NetworkOutput(output))


# --- files that are refused


def external(tmp_path: Path) -> bytes:
    weight = onnx.numpy_helper.from_array(np.ones((3, 3, 64, 64), np.float32), "w")
    data = tiny([helper.make_node("Conv", ["photo", "w"], ["out"])], ["out"], initializers=[weight])
    path = tmp_path / "external.onnx"
    onnx.save(onnx.load_from_string(data), path, save_as_external_data=True, size_threshold=1024)
    return path.read_bytes()


def custom_in_a_branch(_: Path) -> bytes:
    branch = helper.make_graph(
        [helper.make_node("Steal", ["photo"], ["b"], domain="evil.ops")],
        "branch",
        [],
        [helper.make_tensor_value_info("b", FLOAT, None)],
    )
    condition = helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["yes"], ["out"], then_branch=branch, else_branch=branch)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("evil.ops", 1)]
    return tiny([node], ["out"], initializers=[condition], opset_imports=opsets)


def two_inputs(_: Path) -> bytes:
    model = onnx.load_from_string(channels())
    model.graph.input.append(helper.make_tensor_value_info("points", FLOAT, [1, 2]))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (external, "other files"),
        (custom_in_a_branch, "evil.ops::Steal"),
        (two_inputs, "points"),
        (lambda _: channels(sizes=("batch", SIDE, SIDE, 3)), "channels first"),
        (lambda _: channels(sizes=("batch", 3, SIDE, 2 * SIDE)), "square"),
        (lambda _: channels(sizes=(3, SIDE, SIDE)), "batch, 3, side, side"),
        (lambda _: channels(kind=onnx.TensorProto.UINT8), "data type 2"),
        (lambda _: b"", "no ONNX model"),
        (lambda _: b"PK\x03\x04" + bytes(200), "no ONNX model"),
        (lambda _: channels()[:-40], "ONNX model"),
    ],
)
def test_models_that_cannot_be_used_are_refused_unrun(
    tmp_path: Path, make: Callable[[Path], bytes], words: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(make(tmp_path))
    with pytest.raises(UsageError, match=words) as caught:
        read_model(path)
    assert "model.onnx" in str(caught.value)


def test_a_model_with_its_own_functions_is_welcome() -> None:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    body = [helper.make_node("Identity", ["x"], ["y"])]
    own = helper.make_function("own", "Same", ["x"], ["y"], body, [helper.make_opsetid("", 18)])
    nodes = [helper.make_node("Same", ["photo"], ["all"], domain="own"), split("all")]
    model = tiny(nodes, ["red", "green", "blue"], opset_imports=opsets, functions=[own])
    np.testing.assert_allclose(maps(model, photo(), "onnxruntime"), photo()[..., 0] / 255, atol=1e-6)


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such model"):
        read_model(tmp_path / "none.onnx")
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(1 << 31)  # a hole: takes no room on the disk
    with pytest.raises(UsageError, match="too large"):
        read_model(large)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_the_runtime_does_not_know_is_told(runtime: str) -> None:
    model = tiny([helper.make_node("NoSuchOperator", ["photo"], ["out"])], ["out"])
    with pytest.raises(UsageError, match="NoSuchOperator"):
        maps(model, photo(), runtime)


# --- runtimes


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
from maskgen.methods.networks.onnx.declaration import KNOWN, fitted  # noqa: E402
from maskgen.methods.networks.onnx.session import onnx_infer  # noqa: E402
try:
    fit = fitted(KNOWN["u2net"], Path({str(path)!r}))
    onnx_infer(Path({str(path)!r}), fit.input, fit.output, runtime={runtime!r})
except EnvironmentFault as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert package in done.stdout
    assert f"maskgen[{'openvino' if package == 'openvino' else 'onnx'}]" in done.stdout


def test_declarations_and_files_need_no_runtime() -> None:
    program = """
import sys
from maskgen.methods.networks.onnx.declaration import KNOWN, declared  # noqa: E402
assert declared("u2net") == KNOWN["u2net"]
print(sorted({"torch", "onnx", "onnxruntime", "openvino"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- U²-Net-p


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """U²-Net-p with weights from a fixed seed."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("random") / "u2netp.onnx"
    path.write_bytes(u2net_to_onnx(U2Net("u2netp"), 160))
    return path


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_thread_works_when_one_was_asked_for(random_model: Path, runtime: str) -> None:
    program = f"""
import os
from pathlib import Path
import numpy as np
from maskgen.methods.networks.onnx.declaration import KNOWN, fitted  # noqa: E402
from maskgen.methods.networks.onnx.session import onnx_infer  # noqa: E402

def ticks():
    fields = [Path(f"/proc/self/task/{{task}}/stat").read_text().rpartition(")")[2].split()
              for task in os.listdir("/proc/self/task")]
    return sorted(int(f[11]) + int(f[12]) for f in fields)

path = Path({str(random_model)!r})
fit = fitted(KNOWN["u2net"], path)
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


@pytest.mark.skipif("openvino" not in RUNTIMES, reason="openvino is not installed")
def test_openvino_computes_in_the_arithmetic_that_was_asked_for(random_model: Path) -> None:
    fit = fitted(KNOWN["u2net"], random_model)
    batch = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)
    wanted = onnx_infer(random_model, fit.input, fit.output, runtime="onnxruntime")(batch)
    exact = onnx_infer(random_model, fit.input, fit.output, runtime="openvino")(batch)
    np.testing.assert_allclose(exact, wanted, atol=1e-4)
    try:
        coarse = onnx_infer(random_model, fit.input, fit.output, runtime="openvino", precision="bf16")(batch)
    except EnvironmentFault as error:
        pytest.skip(str(error))
    assert 1e-3 < np.abs(coarse - wanted).max() < 0.5


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_exported_network_makes_the_masks_of_torch(
    shared_data: Path, tmp_path: Path, runtime: str
) -> None:
    weights = shared_data / "weights/u2netp/u2netp_from_fp16.pth"
    path = tmp_path / "u2netp.onnx"
    path.write_bytes(u2net_to_onnx(load_network("u2netp", weights), 320))
    options = {"runtime": runtime, "precision": "fp32", "network": "u2net", "weights": str(path)}
    ours = make_method("onnx", MethodOptions(**options))
    torchs = make_method(
        "u2netp", MethodOptions(weights=str(weights), runtime="torch", precision="fp32", resize="official")
    )
    photos = sorted((shared_data / "ecssd/images").iterdir())[::60]
    assert len(photos) == 6
    for photo in photos:
        image = np.array(Image.open(photo).convert("RGB"))
        np.testing.assert_allclose(ours(image), torchs(image), atol=1e-3)
