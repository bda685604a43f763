"""U²-Net against the authors' own results, scikit-image's resize, true masks, and wrong weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.transform import resize

from maskgen.errors import EnvironmentFault, ImageFault, UsageError
from maskgen.methods import METHODS, MethodOptions
from maskgen.methods.u2net import load_u2net, normalise, resize_antialias, resize_official, stretch
from maskgen.methods.u2net_network import U2Net, fold_batch_norm
from maskgen.methods.u2net_weights import load_network
from maskgen.types import RGB, HardMask, Method, SoftMask

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


def intersection_over_union(a: HardMask, b: HardMask) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


# --- the network


@pytest.mark.parametrize(("name", "parameters"), [("u2net", 44_009_869), ("u2netp", 1_131_181)])
def test_the_network_has_the_published_size_and_seven_outputs(name: str, parameters: int) -> None:
    network = U2Net(name)
    assert sum(p.numel() for p in network.parameters()) == parameters
    x = torch.rand(1, 3, 64, 75)  # sides that no halving divides
    with torch.no_grad():
        maps = network.train()(x.repeat(2, 1, 1, 1))
        assert [tuple(m.shape) for m in maps] == [(2, 1, 64, 75)] * 7
        one = network.eval()(x)
        fused = network.logits(x)[0]
    torch.testing.assert_close(one, 1 / (1 + torch.exp(-fused)))


def test_every_parameter_is_trained_by_the_sum_over_the_outputs() -> None:
    network = U2Net("u2netp").train()
    maps = network(torch.rand(2, 3, 64, 64))
    sum(m.square().mean() for m in maps).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(1)
    network = U2Net("u2netp").train()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        network(x * 3)  # running statistics away from 0 and 1
        wanted = network.eval().logits(x)[0]
        folded = fold_batch_norm(network)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
        torch.testing.assert_close(network.logits(x)[0], wanted, rtol=1e-4, atol=1e-4)


# --- before and after the network


@pytest.mark.parametrize("size", [(375, 500), (1, 1), (1, 700), (2, 3), (100, 321), (320, 320), (319, 2500)])
def test_official_resize_equals_scikit_image(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = resize(image, (320, 320), order=1, mode="constant", anti_aliasing=False)
    np.testing.assert_allclose(resize_official(image) / 255, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [(375, 500), (1, 700), (100, 321), (900, 641)])
def test_antialias_resize_equals_pillow(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image.setflags(write=False)
    wanted = np.asarray(Image.fromarray(image).resize((320, 320), Image.Resampling.BILINEAR), float)
    np.testing.assert_allclose(resize_antialias(image), wanted, atol=1)


def test_normalise_divides_by_the_maximum() -> None:
    pixels = np.zeros((2, 2, 3), np.float32)
    pixels[0, 0] = (50, 100, 200)
    wanted = (np.array([0.25, 0.5, 1.0]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(normalise(pixels)[0, 0], wanted, rtol=1e-5)
    black = normalise(np.zeros((2, 2, 3), np.float32))
    np.testing.assert_allclose(
        black[0, 0], np.array([-0.485, -0.456, -0.406]) / [0.229, 0.224, 0.225], rtol=1e-5
    )


def test_stretch_is_min_max_and_survives_a_constant_map() -> None:
    torch.testing.assert_close(stretch(torch.tensor([0.2, 0.3, 0.6])), torch.tensor([0.0, 0.25, 1.0]))
    for value in (0.0, 0.7, 1.0):
        assert not stretch(torch.full((1, 1, 4, 4), value)).any()
    for value in (float("nan"), float("inf")):
        with pytest.raises(ImageFault, match="non-finite"):
            stretch(torch.tensor([0.1, value]))


@pytest.mark.parametrize("kernel", ["official", "antialias"])
@pytest.mark.parametrize("size", [(1, 1), (1, 90), (60, 3), (240, 330)])
def test_any_size_gives_a_mask_of_that_size(random_weights: Path, kernel: str, size: tuple[int, int]) -> None:
    method = load_u2net("u2netp", MethodOptions(weights=str(random_weights), resize=kernel))
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for photo in (image, np.zeros_like(image), np.full_like(image, 255)):
        photo.setflags(write=False)
        mask = method(photo)
        assert mask.shape == size
        assert mask.dtype == np.float32
        assert mask.flags.c_contiguous
        assert mask.min() >= 0
        assert mask.max() <= 1


# --- against the authors and against truth


@pytest.fixture(scope="module")
def u2netp(shared_data: Path) -> Method:
    return METHODS["u2netp"].make(MethodOptions(weights=str(shared_data / CHECKPOINT)))


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


def test_masks_fit_the_truth(shared_data: Path, u2netp: Method) -> None:
    truths = sorted((shared_data / "ecssd" / "ground_truth_mask").glob("*.png"))[::23][:15]
    scores, errors = [], []
    for path in truths:
        truth = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) >= 128
        mask: SoftMask = u2netp(read(shared_data / "ecssd" / "images" / f"{path.stem}.jpg"))
        scores.append(intersection_over_union(mask >= METHODS["u2netp"].threshold, truth))
        errors.append(np.abs(mask - truth).mean())
    assert len(scores) == 15
    assert np.mean(scores) > 0.8
    assert np.mean(errors) < 0.06  # published over all of ECSSD: 0.041


@pytest.mark.gpu
def test_a_gpu_gives_the_same_masks(shared_data: Path, u2netp: Method) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    on_gpu = load_u2net("u2netp", MethodOptions(weights=str(shared_data / CHECKPOINT), device="cuda"))
    for path in sorted((shared_data / "u2net_official" / "test_data" / "test_images").iterdir())[:6]:
        photo = read(path)
        assert intersection_over_union(on_gpu(photo) >= 0.5, u2netp(photo) >= 0.5) > 0.98


# --- wrong weights, wrong machines


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def test_the_real_checkpoint_loads_strictly_and_unchanged(shared_data: Path) -> None:
    path = shared_data / CHECKPOINT
    given = torch.load(path, weights_only=True)
    loaded = load_network("u2netp", path)
    assert not loaded.training
    assert loaded.state_dict().keys() == given.keys()
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, given[key])


def test_a_perturbed_state_dict_is_refused_by_key(random_weights: Path, tmp_path: Path) -> None:
    state = torch.load(random_weights, weights_only=True)
    key = "stage2.rebnconv3.conv_s1.weight"
    missing = {k: v for k, v in state.items() if k != key}
    renamed = {("module." + k if k == key else k): v for k, v in state.items()}
    reshaped = state | {key: state[key][:, :8]}
    spoilt = state | {key: state[key] * float("nan")}
    for change, words in [
        (missing, [f"missing {key}"]),
        (renamed, [f"missing {key}", f"unknown module.{key}"]),
        (reshaped, [f"shape of {key} (16, 8, 3, 3) instead of (16, 16, 3, 3)"]),
        (spoilt, ["not finite", key]),
    ]:
        path = saved(tmp_path / "changed.pth", change)
        with pytest.raises(UsageError) as caught:
            load_u2net("u2netp", MethodOptions(weights=str(path)))
        assert all(word in str(caught.value) for word in [*words, str(path)])


def test_weights_of_the_other_network_are_named(random_weights: Path) -> None:
    with pytest.raises(UsageError, match=r"not those of u2net[^p]") as caught:
        load_u2net("u2net", MethodOptions(weights=str(random_weights)))
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
            load_u2net("u2netp", MethodOptions(weights=str(path)))
        assert path.name in str(caught.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (MethodOptions(), "--weights"),
        (MethodOptions(weights="nowhere/u2netp.pth"), "nowhere/u2netp.pth"),
        (MethodOptions(weights=__file__), "suffix"),
        (MethodOptions(weights="x.pth", resize="lanczos"), "--resize"),
        (MethodOptions(weights="x.pth", device="tpu"), "--device"),
    ],
)
def test_wrong_options_say_what_to_give(options: MethodOptions, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_u2net("u2netp", options)
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_an_error_and_no_silent_cpu_run(random_weights: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no GPU"):
        load_u2net("u2netp", MethodOptions(weights=str(random_weights), device="cuda"))


def test_without_torch_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["torch"] = None
from maskgen.errors import EnvironmentFault
from maskgen.methods import METHODS, MethodOptions
try:
    METHODS["u2netp"].make(MethodOptions(weights="x.pth"))
except EnvironmentFault as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "maskgen[train]" in done.stdout


def test_threads_are_set_to_one_only_when_asked(random_weights: Path) -> None:
    program = f"""
import torch
torch.set_num_threads(2)
from maskgen.methods import METHODS, MethodOptions
METHODS["u2netp"].make(MethodOptions(weights={str(random_weights)!r}))
print(torch.get_num_threads())
"""
    for asked, wanted in (("1", "1"), ("2", "2")):
        environment = {"OMP_NUM_THREADS": asked, "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        assert done.stdout.strip() == wanted
