"""A phase of training: it learns, it stops and goes on to the same bits, and its average is what the paper
says.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.networks.deepusps.network import build_network  # noqa: E402
from maskgen.pipelines.distill.settings.presets import Phase  # noqa: E402
from maskgen.pipelines.distill.training.loop import Averaging, Data, PhaseLoop, agreement, crf_of  # noqa: E402

SIDE = 32
PHASE = Phase(epochs=4, lr=2e-3, batch_size=4, beta2=1.0, flip=True)
VIEWS = {
    "plain": PHASE,
    "cropped": replace(PHASE, crop=0.7, colour=0.3),
    "bf16": replace(PHASE, precision="bf16"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def discs(count: int = 10, seed: int = 0) -> Data:
    """Discs of one color on another; the label is the disc, .8 inside and .1 outside."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    photos, labels = [], []
    for _ in range(count):
        center, radius = rng.uniform(10, 22, 2), rng.uniform(5, 9)
        disc = np.hypot(y - center[0], x - center[1]) < radius
        colors = np.array([[40, 90, 40], [220, 60, 50]]) + rng.integers(-25, 26, (2, 3))
        photos.append((colors[disc.astype(int)] + rng.normal(0, 5, (SIDE, SIDE, 3))).clip(0, 255))
        labels.append(np.where(disc, 204, 26))
    return Data(np.stack(photos).astype(np.uint8), (np.stack(labels).astype(np.uint8),), (0.5,))


def make(data: Data, phase: Phase = PHASE, **changes: Any) -> PhaseLoop:
    options: dict[str, Any] = {
        "network": "small",
        "init": None,
        "seed": 3,
        "device": "cpu",
        "averaging": Averaging(crf_of(16)),
    }
    return PhaseLoop(data, phase, **{**options, **changes})


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.slow
@pytest.mark.parametrize("kind", VIEWS)
def test_a_stopped_phase_goes_on_to_the_same_bits(kind: str) -> None:
    data, phase = discs(), replace(VIEWS[kind], epochs=3)
    straight = make(data, phase)
    expected = [straight.run_epoch() for _ in range(3)]
    broken = make(data, phase)
    found = [broken.run_epoch()]
    for _ in range(2):
        state, average = through_a_file(broken.state_dict()), broken.average.copy()
        torch.manual_seed(99)  # what else draws numbers in the process is no matter
        broken = make(data, phase, averaging=Averaging(crf_of(16), average))
        broken.load_state_dict(state)
        found.append(broken.run_epoch())
    assert [(one.loss, one.agreement) for one in found] == [(one.loss, one.agreement) for one in expected]
    assert np.array_equal(broken.average, straight.average)
    for name, value in straight.network_state().items():
        assert torch.equal(value, broken.network_state()[name]), name


def test_building_a_phase_leaves_the_process_s_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make(discs(4)).run_epoch()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
def test_it_learns_what_the_labels_show_and_carries_it_to_other_photos() -> None:
    phase = Phase(epochs=12, lr=3e-3, batch_size=4, beta2=1.0, flip=True)
    phase_round = make(discs(24), phase, averaging=Averaging(None))
    stats = [phase_round.run_epoch() for _ in range(phase.epochs)]
    assert stats[-1].loss < 0.6 * stats[0].loss
    assert stats[-1].agreement > 0.75
    other = discs(8, seed=1)
    fresh = make(other, phase, averaging=Averaging(None), init=phase_round.network_state())
    found = fresh.predict() > 0.5
    truth = other.labels[0] > 127
    assert ((found & truth).sum() / (found | truth).sum()) > 0.6


@pytest.mark.slow
def test_the_average_is_the_released_codes() -> None:
    """After each epoch keep * average + (1 - keep) * CRF(what was predicted while training), the first one
    whole.
    """
    data = discs(8)
    seen: list[NDArray[Any]] = []

    def crf(photos: NDArray[np.uint8], maps: NDArray[Any]) -> NDArray[np.float32]:
        assert photos.shape == (*maps.shape, 3)
        assert 0 <= maps.min() <= maps.max() <= 1
        seen.append(np.array(maps, np.float32))
        return np.asarray(1 - maps, np.float32)

    phase_round = make(data, PHASE, averaging=Averaging(crf))
    phase_round.run_epoch()
    phase_round.run_epoch()
    first, second = seen
    np.testing.assert_allclose(phase_round.average, 0.7 * (1 - first) + 0.3 * (1 - second), atol=2e-3)


@pytest.mark.slow
def test_predictions_of_mirrored_photos_are_mirrored_back() -> None:
    data = discs(12)
    y, x = np.mgrid[:SIDE, :SIDE]
    left = np.hypot(y - 16, x - 8) < 6  # the same place in all photos, to the left
    photos = np.where(left[..., None], data.photos[:, 16:17, 16:17], data.photos[:, :1, :1])
    labels = np.broadcast_to(np.where(left, 204, 26), data.labels[0].shape).astype(np.uint8)
    kept: list[NDArray[Any]] = []

    def crf(photos: NDArray[np.uint8], maps: NDArray[Any]) -> NDArray[np.float32]:
        kept.append(np.array(maps, np.float32))
        return kept[-1]

    phase = Phase(epochs=8, lr=3e-3, batch_size=2, beta2=1.0, flip=True)
    phase_round = make(Data(photos.astype(np.uint8), (labels,), (0.5,)), phase, averaging=Averaging(crf))
    for _ in range(phase.epochs):
        phase_round.run_epoch()
    maps = kept[-1]
    assert maps[:, left].mean() > 1.5 * maps[:, left[:, ::-1]].mean()


@pytest.mark.slow
def test_the_crf_runs_every_few_epochs_only() -> None:
    calls: list[int] = []

    def crf(photos: NDArray[np.uint8], maps: NDArray[Any]) -> NDArray[np.float32]:
        calls.append(len(maps))
        return np.asarray(maps, np.float32)

    phase_round = make(discs(8), replace(PHASE, crf_every=2), averaging=Averaging(crf))
    for _ in range(4):
        phase_round.run_epoch()
    assert calls == [8, 8]


@pytest.mark.slow
def test_photos_that_fill_no_batch_keep_their_average() -> None:
    before = np.full((10, SIDE, SIDE), 0.25, np.float16)
    phase_round = make(discs(10), PHASE, averaging=Averaging(crf_of(16), before))
    phase_round.run_epoch()
    untouched = (phase_round.average == 0.25).all((1, 2))
    assert untouched.sum() == 2


@pytest.mark.slow
def test_the_learning_rate_falls_as_released() -> None:
    rates = []
    phase_round = make(discs(4), PHASE)
    for _ in range(PHASE.epochs):
        phase_round.run_epoch()
        rates.append(phase_round.state_dict()["optimiser"]["param_groups"][0]["lr"])
    assert rates == pytest.approx([2e-3 * (1 - epoch / 4) ** 0.9 for epoch in range(4)])


def test_a_fusion_learns_from_several_labels_and_needs_no_average() -> None:
    data = discs(8)
    opposite = Data(data.photos, (data.labels[0], 255 - data.labels[0]), (0.5, 0.5))
    phase_round = make(opposite, PHASE, averaging=None)
    stats = phase_round.run_epoch()
    assert 0 < stats.loss < 1
    assert not phase_round.average.any()


def test_agreement_by_hand() -> None:
    maps = torch.tensor([[[0.9, 0.9, 0.1, 0.1]], [[0.0, 0.0, 0.0, 0.0]]])
    one = torch.tensor([[[0.9, 0.1, 0.9, 0.1]], [[0.0, 0.0, 0.0, 0.0]]])  # IoU 1/3, and both empty
    two = torch.tensor([[[0.4, 0.4, 0.1, 0.1]], [[0.4, 0.0, 0.0, 0.0]]])  # IoU 1 and 0
    assert agreement(maps, (one, two), (0.5, 0.3)) == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)


def test_weights_to_start_from_are_those_of_the_network_or_its_encoder() -> None:
    start = build_network("small")
    whole, encoder = start.state_dict(), start.get_submodule("encoder").state_dict()
    for init in (whole, encoder):
        state = make(discs(4), init=init).network_state()
        assert torch.equal(state["encoder.stem.0.0.weight"], whole["encoder.stem.0.0.weight"])
    encoder.pop("stem.0.0.weight")
    with pytest.raises(UsageError, match=r"missing stem\.0\.0\.weight"):
        make(discs(4), init=encoder)


def test_equal_seeds_give_equal_weights_and_others_other_ones() -> None:
    def weights(seed: int) -> torch.Tensor:
        return make(discs(4), seed=seed).network_state()["decoder.head.weight"]

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_too_few_photos_are_refused() -> None:
    with pytest.raises(UsageError, match="3 photos do not fill one batch of 4"):
        make(discs(3))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_it_learns_on_a_gpu(precision: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    phase = Phase(epochs=16, lr=3e-3, batch_size=8, beta2=1.0, flip=True, precision=precision)
    phase_round = make(discs(24), phase, device="cuda", averaging=Averaging(crf_of(16, "cuda")))
    losses = [phase_round.run_epoch().loss for _ in range(phase.epochs)]
    assert losses[-1] < losses[0] / 2
