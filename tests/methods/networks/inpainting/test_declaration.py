"""What is said of an inpainting model against what the model itself is."""

from __future__ import annotations

from pathlib import Path

import pytest
from inpainting_models import SIDE, blurring

from maskgen.errors import UsageError
from maskgen.methods.networks.inpainting.declaration import fit_inpainting, read_inpainting


def test_a_declaration_is_fitted_to_the_model_and_read_back(tmp_path: Path) -> None:
    model, declared = tmp_path / "m.onnx", tmp_path / "mine.toml"
    model.write_bytes(blurring())
    declared.write_text("output_range = 255\n")
    fitted = fit_inpainting(read_inpainting(str(declared)), model)
    assert (fitted.side, fitted.image, fitted.mask, fitted.output) == (SIDE, "image", "mask", "painted")
    assert read_inpainting(fitted.render()) == fitted
    assert fit_inpainting(fitted, model) == fitted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sides = 64", "unknown key 'sides'"),
        ("side = 4", "side is 16 to 8192 px"),
        ('side = "64"', "side is a int"),
        ("output_range = 2", "1 or 255"),
        ("side = ", "cannot read the declaration"),
    ],
)
def test_a_wrong_declaration_is_told(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_inpainting(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"side = {SIDE + 16}", "one side must be declared"),
        ('output = "other"', "no 'other'"),
        ('image = "mask"\nmask = "image"', "is not"),
        ('image = "mask"', "one input"),
    ],
)
def test_a_declaration_that_the_model_contradicts_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.onnx").write_bytes(blurring())
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        fit_inpainting(read_inpainting(str(tmp_path / "mine.toml")), tmp_path / "m.onnx")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--background onnx needs"):
        read_inpainting("")
    with pytest.raises(UsageError, match="--background-network got 'lamma'"):
        read_inpainting("lamma")
    with pytest.raises(UsageError, match="no such model file"):
        fit_inpainting(read_inpainting("lama"), tmp_path / "none.onnx")
