"""The words that name teachers, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.pipelines.distill.settings.teachers import Teacher, are_noisy, read_teachers


def test_methods_files_and_models_are_read_in_their_order(tmp_path: Path) -> None:
    weights, masks = tmp_path / "u2netp.pth", tmp_path / "masks"
    weights.write_bytes(b"weights")
    masks.mkdir()
    found = read_teachers(["vote", f"u2netp={weights}", f"files={masks}"])
    sha256 = hashlib.sha256(b"weights").hexdigest()
    assert found == (
        Teacher("vote", "vote"),
        Teacher("u2netp", "u2netp", str(weights), sha256),
        Teacher("files", "files", str(masks)),
    )
    assert found[1].options.weights == str(weights)


def test_the_same_method_twice_has_two_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    found = read_teachers([f"files={tmp_path / 'a'}", f"files={tmp_path / 'b'}", "mr"])
    assert [one.name for one in found] == ["files", "files-2", "mr"]


def test_the_path_of_weights_may_move_and_their_content_may_not() -> None:
    assert Teacher("u2netp", "u2netp", "/a", "1").facts() == Teacher("u2netp", "u2netp", "/b", "1").facts()
    assert Teacher("u2netp", "u2netp", "/a", "1").facts() != Teacher("u2netp", "u2netp", "/a", "2").facts()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vot", "did you mean 'vote'"),
        ("student", "student needs its weights"),
        ("onnx", "onnx needs its weights"),
        ("u2netp=absent.pth", "no such weights file"),
        ("vote=x", "takes no weights"),
        ("mr:isnet", "takes no weights"),
        ("files", "names no folder"),
        ("files=absent", "names no folder"),
    ],
)
def test_what_is_no_teacher_is_refused_with_the_way_out(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_teachers([text])
    assert words in f"{caught.value}"
    assert caught.value.remedy


def test_a_network_is_named_for_onnx_alone(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"")
    with pytest.raises(UsageError, match="only onnx is described"):
        read_teachers([f"u2netp:isnet={tmp_path / 'w.pth'}"])


def test_teachers_are_noisy_if_none_has_seen_human_labels() -> None:
    vote, mr, files = (Teacher(name, name) for name in ("vote", "mr", "files"))
    assert are_noisy([vote, mr])
    assert not are_noisy([vote, files])
    assert not are_noisy([])
