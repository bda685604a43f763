"""Weights of another network, given by mistake: every pair of file and method is refused, with what it is."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx_models import channels  # noqa: E402
from u2net_samples import random_network  # noqa: E402

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods import MethodOptions  # noqa: E402
from maskgen.methods.networks import known  # noqa: E402
from maskgen.methods.networks.checkpoint import read_arrays  # noqa: E402
from maskgen.methods.networks.deepusps.method import RELEASED  # noqa: E402
from maskgen.methods.networks.onnx.declaration import KNOWN  # noqa: E402
from maskgen.methods.networks.recognize import Recognized, recognize  # noqa: E402
from maskgen.methods.networks.student.method import FAST_WEIGHTS, student_input  # noqa: E402
from maskgen.methods.networks.student.onnx_export import student_to_onnx  # noqa: E402
from maskgen.methods.resolve import load_network  # noqa: E402

pytestmark = pytest.mark.slow

WORDS = {
    "student.safetensors": "it holds the weights of a student; use --method student",
    "deepusps.safetensors": "it holds the weights of a network of deepusps; use --method deepusps",
    "u2netp.pth": "it holds the weights of U²-Net-p; use --method u2netp",
    "u2netp-2020.pth": "it holds the weights of U²-Net-p; use --method u2netp",
    "u2netp.safetensors": "it holds the weights of U²-Net-p; use --method u2netp",
    "dino.pth": "it holds the weights of a ViT; use --method tokencut",
    "student.onnx": "",
    "page.pth": "it is a web page, as a link to a page leaves it",
}
TAKES = {
    "student.safetensors": {"student", "fast", "free"},
    "deepusps.safetensors": {"deepusps"},
    "u2netp.pth": {"u2netp"},
    "u2netp-2020.pth": {"u2netp"},
    "u2netp.safetensors": {"u2netp"},
    "dino.pth": {"tokencut", "found"},
    "student.onnx": {"onnx"},
    "page.pth": set(),
}
ASKED = ("student", "fast", "free", "deepusps", "u2netp", "tokencut", "isnet", "birefnet", "onnx")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("files")
    state = random_network().state_dict()
    torch.save(state, folder / "u2netp.pth")
    torch.save(state, folder / "u2netp-2020.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "u2netp.safetensors")
    vit = ("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
    torch.save({name: torch.zeros(2) for name in vit}, folder / "dino.pth")
    photos = student_input(MethodOptions(weights=str(FAST_WEIGHTS)))
    (folder / "student.onnx").write_bytes(student_to_onnx(read_arrays(FAST_WEIGHTS), photos, "lite0"))
    (folder / "page.pth").write_text("\n<!DOCTYPE html><title>u2netp.pth</title>")
    found = {path.name: path for path in folder.iterdir()}
    return {**found, "student.safetensors": FAST_WEIGHTS, "deepusps.safetensors": RELEASED}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("file", [*WORDS])
def test_every_wrong_pair_is_refused_with_what_the_file_is(
    files: dict[str, Path], file: str, method: str
) -> None:
    if method in TAKES[file]:
        return
    with pytest.raises(UsageError) as refusal:
        load_network(
            method, MethodOptions(weights=str(files[file]), network="isnet" if method == "onnx" else "")
        )
    told = f"{refusal.value.cause}; {refusal.value.remedy}"
    assert str(files[file]) in refusal.value.where
    if file == "student.onnx":
        own = "maskgen wrote it, as the network lite0, whose photos are prepared in another way"
        words = own if method in ("isnet", "birefnet", "u2netp") else "it is an ONNX model"
        assert told == f"{words}; use --method onnx"
    else:
        assert told.startswith(WORDS[file])


def test_the_right_pairs_are_not_recognized_as_wrong(files: dict[str, Path]) -> None:
    assert recognize(FAST_WEIGHTS) == Recognized("holds the weights of a student", "student")
    load_network("u2netp", MethodOptions(weights=str(files["u2netp-2020.pth"]), runtime="torch"))
    model = onnx.load_from_string(channels())
    for key, value in (("declaration", KNOWN["isnet"].render()), ("network", "isnet")):
        model.metadata_props.add(key=key, value=value)
    path = files["page.pth"].with_name("own-isnet.onnx")
    path.write_bytes(model.SerializeToString())
    load_network("isnet", MethodOptions(weights=str(path)))
    load_network("u2netp", MethodOptions(weights=str(with_output(path, "u2net"))))


def with_output(path: Path, network: str) -> Path:
    """The same model, declared as another known network."""
    model = onnx.load(path)
    model.metadata_props[0].value = KNOWN[network].render()
    other = path.with_name(f"{network}.onnx")
    other.write_bytes(model.SerializeToString())
    return other


def test_the_published_file_of_another_method_is_known_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(channels())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    published = dataclasses.replace(known.KNOWN_NETWORKS["rmbg-1.4"], size=path.stat().st_size, sha256=digest)
    monkeypatch.setitem(known.KNOWN_NETWORKS, "rmbg-1.4", published)
    with pytest.raises(UsageError, match=r"not those of isnet") as refusal:
        load_network("isnet", MethodOptions(weights=str(path)))
    assert refusal.value.cause == "it is the published file of rmbg-1.4"
    assert refusal.value.remedy == "use --method rmbg-1.4"
    load_network("rmbg-1.4", MethodOptions(weights=str(path)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "is a picture"),
        (b"\x20\x00\x00\x00TFL3" + bytes(20), "is a TFLite model"),
        (b"stage1.rebnconvin.conv_s1.weight conv_in.weight", "holds IS-Net's weights"),
        (b"layer4.0.conv1.weight", "holds the weights of a ResNet"),
        (b"x _conv_stem.weight", "holds the weights of an EfficientNet"),
        (b"blocks.0.norm1.weight patch_embed.proj.weight decoder.weight", "holds the weights of a ViT"),
    ],
)
def test_other_files_that_people_have(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    found = recognize(path)
    assert found is not None
    assert found.words.startswith(words)


def test_the_large_network_is_told_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "u2net.pth"
    with path.open("wb") as file:
        file.write(b"stage1.rebnconvin.conv_s1.weight")
        file.truncate(176_000_000)  # a hole: takes no room on the disk
    assert recognize(path) == Recognized("holds the weights of U²-Net", "u2net")


def test_what_is_not_known_is_not_named(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    for content in (b"\x08", b"\x08\x00", b"\xff" * 8, bytes(64), b"words of nobody"):
        path.write_bytes(content)
        assert recognize(path) is None
    assert recognize(tmp_path) is None  # a folder
    assert recognize(tmp_path / "absent") is None
