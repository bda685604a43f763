"""The method deepusps: its file of weights, its errors, its maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods import MethodOptions, check_precision, load_network, make_method, network_input  # noqa: E402
from maskgen.methods.networks.deepusps.layers import normalize_photos  # noqa: E402
from maskgen.methods.networks.deepusps.method import encode_weights, read_metadata  # noqa: E402
from maskgen.methods.networks.deepusps.network import build_network  # noqa: E402
from maskgen.methods.refine.vote import refine_vote  # noqa: E402

METADATA = {"network": "small", "side": "64", "preset": "test", "data": "0" * 64}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    path.write_bytes(encode_weights(build_network("small").state_dict(), METADATA))
    return path


def photo(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def options(path: Path, **changes: str) -> MethodOptions:
    return MethodOptions(weights=str(path), **{"refine": "none", **changes})  # type: ignore[arg-type]


def test_metadata_come_back(weights: Path) -> None:
    assert read_metadata(weights) == {"maskgen": "deepusps", **METADATA}


def test_equal_weights_and_metadata_are_equal_bytes(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([7], dtype=torch.int64)}
    metadata = {**METADATA, **{f"key{number}": "é" * number for number in range(9)}}
    turns = [metadata, dict(reversed(metadata.items()))] * 4
    for number, facts in enumerate(turns):
        (tmp_path / f"{number}.safetensors").write_bytes(encode_weights(state, facts))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert read_metadata(tmp_path / "0.safetensors") == {"maskgen": "deepusps", **metadata}
    found = load_file(tmp_path / "0.safetensors")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


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


def test_weights_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="no such weights file"):
        make_method("deepusps", MethodOptions(weights="absent.safetensors"))


def header(content: object) -> bytes:
    text = json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        b"\xff\xff\xff\xff\xff\xff\xff\xff{}",
        header({}),
        header([]),
        header({"__metadata__": {}}),
        header({"__metadata__": {"maskgen": "other", "network": "small", "side": "64"}}),
        header({"__metadata__": {"maskgen": "deepusps", "network": "small"}}),
        (10_000).to_bytes(8, "little") + b"[" * 10_000,
        header({"__metadata__": 3}),
    ],
)
def test_files_of_others_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no checkpoint of deepusps"):
        make_method("deepusps", options(path))


@pytest.mark.parametrize("side", ["", "64.5", "-64", "8", "99999"])
def test_a_side_that_is_none(tmp_path: Path, side: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(encode_weights({}, {**METADATA, "side": side}))
    with pytest.raises(UsageError, match="the weights name a side of"):
        make_method("deepusps", options(path))


@pytest.mark.slow
def test_weights_of_another_network_and_broken_ones(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state = build_network("small").state_dict()
    path.write_bytes(encode_weights(state, {**METADATA, "network": "resnet18"}))
    with pytest.raises(UsageError, match="not those of deepusps's network resnet18"):
        make_method("deepusps", options(path))
    path.write_bytes(encode_weights(state, {**METADATA, "network": "smal"}))
    with pytest.raises(UsageError, match="unknown network 'smal'"):
        make_method("deepusps", options(path))
    state["decoder.head.bias"][0] = torch.nan
    path.write_bytes(encode_weights(state, METADATA))
    with pytest.raises(UsageError, match="not finite"):
        make_method("deepusps", options(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(UsageError, match="cannot be read"):
        make_method("deepusps", options(path))


def test_metadata_must_name_network_and_side() -> None:
    with pytest.raises(UsageError, match="lack side"):
        encode_weights({}, {"network": "small"})
