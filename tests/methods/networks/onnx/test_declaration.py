"""Declarations: known names, TOML files, what is refused, and how they are fitted to a model."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from onnx_models import RAW, SIDE, channels, helper, split, tiny

from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput
from maskgen.methods.networks.onnx.declaration import (
    KNOWN,
    Declaration,
    NetworkOutput,
    fit_declaration,
    read_declaration,
)


def test_a_declaration_is_read_back_from_its_text() -> None:
    for name, known in KNOWN.items():
        text = known.render()
        assert read_declaration(text) == read_declaration(name) == known
        assert text == read_declaration(text).render()
        assert " " not in text


def test_a_toml_file_says_the_same_as_json(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        "side = 512\nmean = [0.5, 0.25, 0]\nstd = [1, 1, 2]\ndivisor = 'max'\nresize = 'official'\n"
        "output = 'alpha'\nactivation = 'sigmoid'\nstretch = true\n"
    )
    wanted = Declaration(
        NetworkInput(512, (0.5, 0.25, 0.0), (1.0, 1.0, 2.0), "max", "official"),
        NetworkOutput("alpha", "sigmoid", stretch=True),
    )
    assert read_declaration(str(path)) == wanted
    assert wanted.render() == (
        '{"activation":"sigmoid","divisor":"max","mean":[0.5,0.25,0.0],"output":"alpha","resize":"official",'
        '"side":512,"std":[1.0,1.0,2.0],"stretch":true}'
    )


def test_what_a_toml_file_may_leave_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mean = [0, 0, 0]\nstd = [1, 1, 1]\nactivation = 'none'\n")
    short = read_declaration(str(path))
    assert short.input == NetworkInput(0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "255", "antialias")
    assert short.output == NetworkOutput(0, "none", stretch=False)
    assert fit_declaration(short, channels()).input.side == SIDE


def test_the_example_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[4] / "docs/how-to/networks.md").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    birefnet = read_declaration("birefnet")
    output = dataclasses.replace(birefnet.output, output=0)
    assert read_declaration(str(path)) == Declaration(birefnet.input, output)


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
        read_declaration(str(path))
    assert words in str(caught.value)
    assert key in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("missing", ["mean", "std", "activation"])
def test_what_must_be_declared(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("".join(f"{name} = {text}\n" for name, text in COMPLETE.items() if name != missing))
    with pytest.raises(UsageError, match=missing):
        read_declaration(str(path))


def test_names_and_files_that_are_not_there(tmp_path: Path) -> None:
    broken, long = tmp_path / "broken.toml", tmp_path / "long.toml"
    broken.write_text("mean = [")
    long.write_text("#" * 100_000)
    for text, words in {
        "": "u2net, isnet, birefnet, rmbg-2.0, inspyrenet",
        "birefnt": "birefnet",
        str(tmp_path / "none.toml"): "No such file",
        str(broken): "broken.toml",
        str(long): "too long",
        "{": "JSON",
    }.items():
        with pytest.raises(UsageError) as caught:
            read_declaration(text)
        assert words in str(caught.value)


def test_the_side_comes_from_the_model_where_it_is_fixed() -> None:
    fixed, free = channels(), channels(sizes=("batch", 3, "height", "width"))
    assert fit_declaration(KNOWN["isnet"], fixed).input.side == SIDE
    assert fit_declaration(KNOWN["isnet"], free).input.side == 1024
    said = Declaration(dataclasses.replace(RAW, side=32))
    assert fit_declaration(said, free).input.side == 32
    with pytest.raises(UsageError, match="side 32 and the model takes 16x16"):
        fit_declaration(said, fixed)
    with pytest.raises(UsageError, match="side = 1024"):
        fit_declaration(Declaration(dataclasses.replace(RAW, side=0), side_is_usual=True), free)
    fit = fit_declaration(KNOWN["isnet"], fixed)
    assert read_declaration(fit.render()) == fit
    assert fit_declaration(fit, fixed) == fit


def test_one_sigmoid_too_many_is_found_out_before_the_run() -> None:
    nodes = [
        split("photo"),
        helper.make_node("Sigmoid", ["red"], ["map"]),
        helper.make_node("Identity", ["map"], ["last"]),
    ]
    model = tiny(nodes, ["green", "last"])
    with pytest.raises(UsageError, match="already"):
        fit_declaration(Declaration(RAW, NetworkOutput("last", "sigmoid")), model)
    assert (
        fit_declaration(Declaration(RAW, NetworkOutput("green", "sigmoid")), model).output.activation
        == "sigmoid"
    )


@pytest.mark.slow
def test_declarations_and_files_need_no_runtime() -> None:
    program = """
import sys
from maskgen.methods.networks.onnx.declaration import KNOWN, read_declaration  # noqa: E402
assert read_declaration("u2net") == KNOWN["u2net"]
print(sorted({"torch", "onnx", "onnxruntime", "openvino"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
