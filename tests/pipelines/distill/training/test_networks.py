"""Both kinds of network through the same calls."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402
from student_kit import save_classifier  # noqa: E402

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.networks.student.encoder import fold_classifier  # noqa: E402
from maskgen.methods.networks.student.structure import AUXILIARY  # noqa: E402
from maskgen.pipelines.distill.training.networks import (  # noqa: E402
    all_logits,
    at_size,
    build,
    freeze,
    is_student,
    normalizer,
    put_start,
    read_start,
)


def test_a_student_gives_its_auxiliary_maps_only_while_it_learns() -> None:
    photos = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    student, small = build("lite0"), build("small")
    assert is_student("lite0")
    assert not is_student("small")
    assert len(all_logits(student, photos)) == 1 + len(AUXILIARY)
    assert len(all_logits(small, photos)) == 1
    assert all_logits(student, photos)[0].shape == (2, 32, 32)
    with torch.no_grad():
        assert len(all_logits(student.eval(), photos)) == 1
        assert student(photos).shape == (2, 64, 64)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UsageError, match="lite9"):
        build("lite9")


def test_photos_are_brought_where_each_encoder_wants_them() -> None:
    photos = torch.tensor([0.0, 127.0, 255.0]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    lite = normalizer("lite0")(photos)[:, 0, 0, 0]
    assert lite.tolist() == pytest.approx([-127 / 128, 0, 1])
    usual = normalizer("small")(photos)[:, 0, 0, 0]
    assert usual.tolist() == pytest.approx(
        [(value / 255 - 0.485) / 0.229 for value in (0, 127, 255)], abs=1e-5
    )


def test_the_encoder_begins_with_the_classifier_and_the_rest_stays(tmp_path: Path) -> None:
    path = save_classifier(tmp_path / "lite0.pth")
    student = build("lite0")
    before = student.state_dict()["decoder.down.0.weight"].clone()
    put_start(student, read_start(path, "lite0"), "lite0")
    wanted = fold_classifier(torch.load(path, weights_only=True), "lite0")
    state = student.state_dict()
    assert all(torch.equal(state[f"encoder.{name}"], value) for name, value in wanted.items())
    assert torch.equal(state["decoder.down.0.weight"], before)


def test_a_student_begins_where_another_one_stands(tmp_path: Path) -> None:
    """Also one at half precision, as `maskgen distill` leaves it."""
    torch.manual_seed(1)
    other = {
        key: value.half() if value.is_floating_point() else value
        for key, value in build("lite0").state_dict().items()
    }
    save_file(other, tmp_path / "student.safetensors")
    student = build("lite0")
    put_start(student, read_start(tmp_path / "student.safetensors", "lite0"), "lite0")
    state = student.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[key], value.to(state[key].dtype)) for key, value in other.items())
    with pytest.raises(UsageError, match="not those of the student lite1"):
        read_start(tmp_path / "student.safetensors", "lite1")


def test_a_start_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match="not those of a classifier EfficientNet-lite0"):
        read_start(path, "lite0")


@pytest.mark.parametrize("stages", [0, 3])
def test_frozen_stages_get_no_gradient_and_all_others_do(stages: int) -> None:
    student = build("lite0").train()
    freeze(student, stages)
    photos = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    sum(one.square().mean() for one in all_logits(student, photos)).backward()  # type: ignore[union-attr]
    learned = {name for name, value in student.named_parameters() if value.grad is not None}
    still = {name for name, _ in student.named_parameters()} - learned
    frozen = ("encoder.stem.", *(f"encoder.stages.{number}." for number in range(stages)))
    assert still == (
        {name for name, _ in student.named_parameters() if name.startswith(frozen)} if stages else set()
    )


def test_logits_of_half_the_size_meet_their_labels() -> None:
    logits = torch.arange(4.0).view(1, 2, 2)
    assert torch.equal(at_size(logits, torch.zeros(1, 3, 2, 2)), logits)
    # bilinear, pixel centers: row 0 of 0 1 / 2 3 becomes 0, .25, .75, 1
    assert at_size(logits, torch.zeros(1, 4, 4))[0, 0].tolist() == [0, 0.25, 0.75, 1]


def test_a_student_begins_with_a_backbone_that_train_ssl_exported(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    learned = {
        key: value.clone() for key, value in timm.create_model("tf_efficientnet_lite0").state_dict().items()
    }
    facts = {"backbone": "timm/tf_efficientnet_lite0", "mean": "[0.5, 0.25, 0.5]", "std": "[0.25, 0.5, 0.25]"}
    save_file(learned, tmp_path / "own.safetensors", facts)
    save_file(learned, tmp_path / "theirs.safetensors")
    mine, plain = (read_start(tmp_path / f"{name}.safetensors", "lite0") for name in ("own", "theirs"))
    assert torch.equal(mine["stages.0.0.project.weight"], plain["stages.0.0.project.weight"])
    ratio = (mine["stem.weight"] / plain["stem.weight"]).nanmedian(0).values.mean((1, 2))
    assert ratio.tolist() == pytest.approx([128 / 255 / 0.25, 128 / 255 / 0.5, 128 / 255 / 0.25], rel=1e-5)
    student = build("lite0")
    put_start(student, mine, "lite0")
    assert torch.equal(student.encoder.stem.weight, mine["stem.weight"])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"mean": "[0.5]", "std": "[1.0, 1.0, 1.0]"}, "three numbers"),
        ({"mean": "nothing", "std": "[1.0, 1.0, 1.0]"}, "numbers in"),
    ],
)
def test_a_backbone_whose_normalization_is_not_known(
    facts: dict[str, str], words: str, tmp_path: Path
) -> None:
    timm = pytest.importorskip("timm")
    path = tmp_path / "own.safetensors"
    save_file(timm.create_model("tf_efficientnet_lite0").state_dict(), path, facts)
    with pytest.raises(UsageError, match=words):
        read_start(path, "lite0")


def test_a_student_that_was_exported_sharper_begins_as_it_had_learned(tmp_path: Path) -> None:
    learned = build("lite0").state_dict()
    doubled = {name: 2 * one if name.startswith("decoder.head.") else one for name, one in learned.items()}
    save_file(doubled, tmp_path / "w.safetensors", {"sharpen": "2.0"})
    start = read_start(tmp_path / "w.safetensors", "lite0")
    assert start.keys() == learned.keys()
    assert all(torch.equal(start[name], one) for name, one in learned.items())
    for wrong in ("much", "0", "-1", "inf", "nan"):
        save_file(learned, tmp_path / "w.safetensors", {"sharpen": wrong})
        with pytest.raises(UsageError, match=f"sharpen='{wrong}'"):
            read_start(tmp_path / "w.safetensors", "lite0")
