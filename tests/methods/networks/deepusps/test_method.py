"""The method deepusps: its weights, its errors, its maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods import MethodOptions, check_precision, load_network, make_method, network_input  # noqa: E402
from maskgen.methods.networks.checkpoint import encode_weights  # noqa: E402
from maskgen.methods.networks.deepusps.layers import normalize_photos  # noqa: E402
from maskgen.methods.networks.deepusps.network import build_network  # noqa: E402
from maskgen.methods.refine.vote import refine_vote  # noqa: E402

METADATA = {"network": "small", "side": "64", "preset": "test", "data": "0" * 64}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    path.write_bytes(encode_weights("deepusps", build_network("small").state_dict(), METADATA))
    return path


def photo(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def options(path: Path, **changes: str) -> MethodOptions:
    return MethodOptions(weights=str(path), **{"refine": "none", **changes})  # type: ignore[arg-type]


def test_photos_are_prepared_at_the_side_of_the_weights(weights: Path) -> None:
    prepared = network_input("deepusps", options(weights))
    assert prepared.side == 64
    assert prepared.prepare(photo()).shape == (64, 64, 3)


def test_a_map_is_the_mean_of_the_networks_answers_to_photo_and_mirror(weights: Path) -> None:
    from safetensors.torch import load_file

    network = build_network("small")
    network.load_state_dict(load_file(weights))
    network.eval()
    prepared = network_input("deepusps", options(weights)).prepare(photo())
    x = normalize_photos(torch.from_numpy(prepared.copy()).permute(2, 0, 1)[None].float())
    with torch.inference_mode():
        expected = (network(x).sigmoid() + network(x.flip(3)).sigmoid().flip(2)) / 2
    found = load_network("deepusps", options(weights, runtime="torch"))(prepared[None])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_mirroring_the_photo_mirrors_the_mask(weights: Path) -> None:
    method = make_method("deepusps", options(weights))
    mask, mirrored = method(photo(64, 64)), method(np.ascontiguousarray(photo(64, 64)[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], mask, atol=1e-4)


@pytest.mark.slow
def test_its_own_choice_is_a_vote_with_the_priors(weights: Path) -> None:
    plain, own = (make_method("deepusps", options(weights, refine=refine)) for refine in ("none", "auto"))
    image = photo()
    image[30:60, 40:80] = (220, 40, 30)
    np.testing.assert_array_equal(own(image), refine_vote(image, plain(image), 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (480, 640)])
def test_masks_have_the_photos_size(weights: Path, size: tuple[int, int]) -> None:
    mask = make_method("deepusps", options(weights))(photo(*size))
    assert mask.shape == size
    assert mask.dtype == np.float32
    assert 0 <= mask.min() <= mask.max() <= 1


@pytest.mark.slow
def test_a_batch_gives_what_single_photos_give(weights: Path) -> None:
    infer = load_network("deepusps", options(weights))
    batch = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(infer(batch), np.concatenate([infer(one[None]) for one in batch]), atol=1e-5)


@pytest.mark.slow
def test_bfloat16_is_near_float32(weights: Path) -> None:
    batch = photo(64, 64)[None]
    exact = load_network("deepusps", options(weights))(batch)
    rounded = load_network("deepusps", options(weights, precision="bf16"))(batch)
    assert not np.array_equal(exact, rounded)
    assert np.abs(exact - rounded).max() < 0.05
    assert check_precision("deepusps", options(weights, precision="fp32")).images == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runtime": "openvino"}, "not run by openvino"),
        ({"precision": "fp16"}, "--precision fp16 is not to be had"),
        ({"network": "isnet"}, "--network is for --method onnx"),
        ({"resize": "nearest"}, "--resize got"),
    ],
)
def test_options_that_it_does_not_have(weights: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_method("deepusps", options(weights, **changes))


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(encode_weights("student", {}, METADATA))
    with pytest.raises(UsageError, match="no checkpoint of deepusps"):
        make_method("deepusps", options(path))
    path.write_bytes(encode_weights("deepusps", {}, {**METADATA, "side": "8"}))
    with pytest.raises(UsageError, match="the weights name a side of"):
        make_method("deepusps", options(path))


def test_weights_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="no such weights file"):
        make_method("deepusps", MethodOptions(weights="absent.safetensors"))


@pytest.mark.slow
def test_weights_of_another_network_and_broken_ones(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state = build_network("small").state_dict()
    path.write_bytes(encode_weights("deepusps", state, {**METADATA, "network": "resnet18"}))
    with pytest.raises(UsageError, match="not those of deepusps's network resnet18"):
        make_method("deepusps", options(path))
    path.write_bytes(encode_weights("deepusps", state, {**METADATA, "network": "smal"}))
    with pytest.raises(UsageError, match="unknown network 'smal'"):
        make_method("deepusps", options(path))
    state["decoder.head.bias"][0] = torch.nan
    path.write_bytes(encode_weights("deepusps", state, METADATA))
    with pytest.raises(UsageError, match="not finite"):
        make_method("deepusps", options(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(UsageError, match="cannot be read"):
        make_method("deepusps", options(path))
