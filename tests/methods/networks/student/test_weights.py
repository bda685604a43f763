"""Weights of students: what does not fit is refused with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402
from student_kit import classifier  # noqa: E402
from torch import Tensor  # noqa: E402

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.networks.student.weights import (  # noqa: E402
    build_student,
    encoder_start,
    find_classifier,
    load_student,
)

HEAD = "decoder.head.bias"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build_student("lite0").state_dict()


@pytest.mark.slow
def test_half_precision_is_read_as_float32(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    save_file(halved, path)
    network = load_student(path, "lite0")
    assert not network.training
    for key, value in network.state_dict().items():
        assert value.dtype == state[key].dtype
        torch.testing.assert_close(value, state[key], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({HEAD: None}, f"missing {HEAD}"),
        ({"more": torch.zeros(1)}, "unknown more"),
        ({HEAD: torch.zeros(2)}, r"shape of decoder.head.bias \(2,\) instead of \(1,\)"),
        ({HEAD: torch.tensor([torch.nan])}, "not finite"),
        ({HEAD: torch.tensor([torch.inf])}, "not finite"),
        ({HEAD: torch.zeros(1).to(torch.float8_e4m3fn)}, "float8"),
    ],
)
def test_what_does_not_fit_is_named(
    state: dict[str, Tensor], tmp_path: Path, change: dict[str, Tensor | None], words: str
) -> None:
    path = tmp_path / "w.safetensors"
    save_file({key: value for key, value in {**state, **change}.items() if value is not None}, path)
    with pytest.raises(UsageError, match=words) as refusal:
        load_student(path, "lite0")
    assert refusal.value.where == str(path)


def test_weights_of_another_variant(state: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(UsageError, match="not those of the student lite1"):
        load_student(tmp_path / "w.safetensors", "lite1")
    with pytest.raises(UsageError, match="unknown student 'lite01'") as refusal:
        build_student("lite01")
    assert "did you mean 'lite" in refusal.value.remedy


def test_a_file_cut_off(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match="cannot be read"):
        load_student(path, "lite0")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"_bn0.weight": None}, "missing '_bn0.weight'"),
        ({"_conv_stem.weight": torch.zeros(32, 3, 5, 5)}, "shape of stem.weight"),
        ({"_conv_stem.weight": torch.zeros(40, 3, 3, 3)}, "EfficientNet-lite0"),
        ({"_bn0.bias": torch.full((32,), torch.nan)}, "not finite"),
        ({"_bn0.running_var": torch.full((32,), -1.0)}, "not finite"),
    ],
)
def test_what_no_encoder_can_begin_with(change: dict[str, Tensor | None], words: str) -> None:
    given = {key: value for key, value in {**classifier(), **change}.items() if value is not None}
    with pytest.raises(UsageError, match=words) as refusal:
        encoder_start(given, "lite0", "mine.pth")
    assert refusal.value.where == "mine.pth"
    assert "leave --init out" in refusal.value.remedy


@pytest.mark.parametrize("name", ["lite1", "lite2"])
def test_a_classifier_of_another_variant(name: str) -> None:
    with pytest.raises(UsageError, match=f"EfficientNet-{name}"):
        encoder_start(classifier(), name, "mine.pth")


def test_a_classifier_is_found_where_its_package_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "efficientnet_lite7_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_classifier("lite7") is None  # a package without its checkpoint
    (package / "models/w.pth").touch()
    assert find_classifier("lite7") == package / "models/w.pth"
    (package / "models/x.pth").touch()
    assert find_classifier("lite7") is None  # which of the two?
    assert find_classifier("lite8") is None
