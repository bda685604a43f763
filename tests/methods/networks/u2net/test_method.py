"""U²-Net against the authors' own results, true masks, and wrong weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.u2net.layers import U2Net
from maskgen.methods.networks.u2net.weights import load_network
from maskgen.types import RGB, Method, SoftMask

CHECKPOINT = "weights/u2netp/u2netp_from_fp16.pth"


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A u2netp.pth from a fixed seed, for what does not depend on trained weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "u2netp.pth"
    torch.save(U2Net("u2netp").state_dict(), path)
    return path


def read(path: Path) -> RGB:
    return np.array(Image.open(path).convert("RGB"))


# --- against the authors and against truth


@pytest.fixture(scope="module")
def u2netp(shared_data: Path) -> Method:
    """With the kernel of the authors, in whatever runtime is the fastest here."""
    return make_method("u2netp", MethodOptions(weights=str(shared_data / CHECKPOINT), resize="official"))


@pytest.mark.slow
def test_the_authors_own_results_come_out(shared_data: Path, u2netp: Method) -> None:
    tests = shared_data / "u2net_official" / "test_data"
    photos = sorted((tests / "test_images").iterdir())
    assert len(photos) == 18
    errors = []
    for path in photos:
        theirs = np.asarray(Image.open(tests / "u2netp_results" / f"{path.stem}.png").convert("L"), np.int16)
        ours = (u2netp(read(path)) * 255).astype(np.int16)  # they truncate
        errors.append(np.abs(ours - theirs).mean())
    assert np.mean(errors) <= 0.6
    assert max(errors) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "mixed"])
def test_masks_fit_the_truth(shared_data: Path, precision: str) -> None:
    weights = str(shared_data / CHECKPOINT)
    try:
        method = make_method(
            "u2netp", MethodOptions(weights=weights, precision=precision, resize="antialias")
        )
    except EnvironmentFault as fault:
        pytest.skip(str(fault))  # a CPU without bfloat16
    truths = sorted((shared_data / "ecssd" / "ground_truth_mask").glob("*.png"))[::24]
    errors = []
    recalls, precisions = [], []
    for path in truths:
        truth = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) >= 128
        mask: SoftMask = method(read(shared_data / "ecssd" / "images" / f"{path.stem}.jpg"))
        errors.append(np.abs(mask - truth).mean())
        levels = np.arange(256)[:, None] / 255
        marked = (np.sort(mask.ravel())[None] >= levels).sum(1)
        hits = (np.sort(mask[truth])[None] >= levels).sum(1)
        recalls.append(hits / truth.sum())
        precisions.append(hits / np.maximum(marked, 1))
    p, r = np.mean(precisions, 0), np.mean(recalls, 0)
    assert len(truths) == 14
    assert (1.3 * p * r / (0.3 * p + r + 1e-9)).max() >= 0.93  # the measure of the paper, section 4.3
    assert np.mean(errors) <= 0.05  # published over all of ECSSD: 0.041


# --- wrong weights, wrong machines


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.slow
def test_the_real_checkpoint_loads_strictly_and_unchanged(shared_data: Path) -> None:
    path = shared_data / CHECKPOINT
    given = torch.load(path, weights_only=True)
    loaded = load_network("u2netp", path)
    assert not loaded.training
    assert loaded.state_dict().keys() == given.keys()
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, given[key])


@pytest.mark.slow
def test_a_perturbed_state_dict_is_refused_by_key(random_weights: Path, tmp_path: Path) -> None:
    state = torch.load(random_weights, weights_only=True)
    key = "stage2.rebnconv3.conv_s1.weight"
    missing = {k: v for k, v in state.items() if k != key}
    renamed = {("module." + k if k == key else k): v for k, v in state.items()}
    reshaped = state | {key: state[key][:, :8]}
    spoiled = state | {key: state[key] * float("nan")}
    for change, words in [
        (missing, [f"missing {key}"]),
        (renamed, [f"missing {key}", f"unknown module.{key}"]),
        (reshaped, [f"shape of {key} (16, 8, 3, 3) instead of (16, 16, 3, 3)"]),
        (spoiled, ["not finite", key]),
    ]:
        path = saved(tmp_path / "changed.pth", change)
        with pytest.raises(UsageError) as caught:
            make_method("u2netp", MethodOptions(weights=str(path)))
        assert all(word in str(caught.value) for word in [*words, str(path)])


@pytest.mark.slow
def test_weights_of_the_other_network_are_named(random_weights: Path) -> None:
    with pytest.raises(UsageError, match=r"not those of u2net[^p]") as caught:
        make_method("u2net", MethodOptions(weights=str(random_weights)))
    assert "--method u2netp" in str(caught.value)


class Touch:
    """A pickle that would create a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_what_is_no_state_dict_is_refused_and_never_run(random_weights: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.pth"
    truncated.write_bytes(random_weights.read_bytes()[:100_000])
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    victim = tmp_path / "victim"
    for path in [
        truncated,
        tmp_path / "page.pth",
        tmp_path / "empty.pth",
        saved(tmp_path / "code.pth", {"weight": Touch(victim)}),
        saved(tmp_path / "whole.pth", {"epoch": 3, "model": torch.load(random_weights, weights_only=True)}),
        saved(tmp_path / "list.pth", [torch.zeros(3)]),
    ]:
        with pytest.raises(UsageError) as caught:
            make_method("u2netp", MethodOptions(weights=str(path)))
        assert path.name in str(caught.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(), "maskgen weights get u2netp"),
        (MethodOptions(weights="nowhere/u2netp.pth"), "nowhere/u2netp.pth"),
        (MethodOptions(weights=__file__), "suffix"),
        (MethodOptions(weights="x.pth", resize="lanczos"), "--resize"),
        (MethodOptions(weights="x.pth", device="tpu"), "--device"),
    ],
)
def test_wrong_options_say_what_to_give(options: MethodOptions, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_method("u2netp", options)
    assert words in str(caught.value)


def test_safetensors_load_or_say_what_to_install(random_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "u2netp.safetensors"
    try:
        from safetensors.torch import save_file
    except ImportError:
        path.write_bytes(b"x")
        with pytest.raises(EnvironmentFault, match="pip install safetensors"):
            load_network("u2netp", path)
        return
    state = torch.load(random_weights, weights_only=True)
    save_file(state, path)
    assert torch.equal(load_network("u2netp", path).state_dict()["side1.weight"], state["side1.weight"])
    path.write_bytes(b"x")
    with pytest.raises(UsageError, match="cannot be read"):
        load_network("u2netp", path)


@pytest.mark.parametrize(
    "content", [b"", b"no weights", b"\x80\x02.", b"\x80\x02h\x00.", b"\x80\x02N.\x80\x02."]
)
def test_a_damaged_pth_says_so_whatever_its_reader_raises(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "u2netp.pth"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read"):
        load_network("u2netp", path)


@pytest.mark.slow
def test_without_torch_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["torch"] = None
from maskgen.errors import EnvironmentFault
from maskgen.methods import MethodOptions, make_method
try:
    make_method("u2netp", MethodOptions(weights="x.pth"))
except EnvironmentFault as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "maskgen[train]" in done.stdout
