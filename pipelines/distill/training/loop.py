"""One phase of training on arrays: a round, or the fusion; it can stop after any epoch.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019,
section 3, and its released code. For (seed, epoch) an epoch is the same whatever was run before in the
process, bit for bit on a CPU with the same threads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maskgen.errors import UsageError
from maskgen.methods.refine.mean_field import MeanField, MeanFieldByPhoto

from .losses import edge_loss, pseudo_label_loss
from .networks import all_logits, at_size, build, freeze, normalizer, put_start
from .optimizing import Optimizing
from .pasting import Pasting
from .views import Views, draw_views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..settings.presets import Phase

Crf: TypeAlias = "Callable[[NDArray[np.uint8], NDArray[Any]], NDArray[np.float32]]"
"""(N, S, S, 3) uint8 photos and (N, S, S) maps in [0, 1] to refined maps."""
AUXILIARY_WEIGHT = 0.3
"""Of a student's coarser maps in the loss."""
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
FOREGROUND = 0.5


@dataclass(frozen=True, slots=True)
class Data:
    """What a phase learns from.

    Args:
        photos: (N, S, S, 3) uint8 RGB; may be a memory map.
        labels: each (N, S, S) uint8, 0..255 for [0, 1]: one in a prior's rounds, one per prior in the fusion.
        thresholds: of each label map, in [0, 1]: foreground lies above.
        left_out: (N,) bool, photos that steps do not see, only predictions; None: none is.
    """

    photos: NDArray[np.uint8]
    labels: tuple[NDArray[np.uint8], ...]
    thresholds: tuple[float, ...]
    left_out: NDArray[np.bool_] | None = None

    @property
    def learned(self) -> NDArray[np.int64]:
        """The rows that steps see."""
        rows = np.arange(len(self.photos))
        return rows if self.left_out is None else rows[~self.left_out]


@dataclass(frozen=True, slots=True)
class Averaging:
    """How predictions enter a round's running average.

    Args:
        crf: refines predictions; None: they are averaged as they are.
        start: (N, S, S) float16, the running average to go on from; None: zeros.
    """

    crf: Crf | None
    start: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class EpochStats:
    """One epoch.

    Args:
        loss: mean over its batches.
        agreement: mean over photos and label maps of the IoU between prediction and label, both cut.
        seconds: wall clock, the CRF included.
    """

    loss: float
    agreement: float
    seconds: float


def crf_of(side: int, device: str = "cpu") -> Crf | None:
    """DeepUSPS's CRF at this side in px, in the way that is fastest on the device; None for 0."""
    if not side:
        return None
    return MeanFieldByPhoto(side) if device == "cpu" else MeanField(side, device=device)


class PhaseLoop:
    """A network, its optimizer and the running average of its refined predictions.

    The predictions are those made while training, before each step and with batch statistics, as released;
    photos that an epoch leaves out (the last, smaller batch) keep their average. Deviation: a photo's first
    refined map is its average as a whole, not 1 - keep of it; after the released 25 passes that is 1e-4 of
    the weight, after two half of it. Where photos are cropped or objects pasted, a prediction is not that of
    the photo, and where there is one CRF pass only it must have all: an extra pass predicts the whole photos.

    Args:
        data: what is learned from.
        phase: epochs, learning rate and the rest.
        network: a name of `NETWORKS`.
        init: weights to start from, of the whole network or of its encoder; None: random ones.
        seed: of the weights, the order of the photos and their views.
        device: ``cpu`` or ``cuda``.
        averaging: of predictions; None: they are not averaged, as in the fusion.

    Raises:
        UsageError: fewer photos than a batch; an unknown network; weights that fit no part of it.
    """

    average: NDArray[np.float16]

    def __init__(
        self,
        data: Data,
        phase: Phase,
        *,
        network: str,
        init: dict[str, Tensor] | None,
        seed: int,
        device: str,
        averaging: Averaging | None,
    ) -> None:
        if len(data.learned) < phase.batch_size:
            raise UsageError(
                f"{len(data.learned)} photos do not fill one batch of {phase.batch_size}",
                remedy="give more photos, or a smaller batch",
            )
        self._data, self._phase, self._averaging, self._seed = data, phase, averaging, seed
        self._device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = build(network)
        if init is not None:
            put_start(self._network, init, network)
        freeze(self._network, phase.frozen)
        self._normalize = normalizer(network)
        self._network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizing = Optimizing(self._network, phase, len(data.learned) // phase.batch_size)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=phase.precision == "fp16")
        self._epoch = 0
        self._pasting = Pasting(data.photos, data.labels, data.thresholds) if phase.paste else None
        shape = data.photos.shape[:3]
        start = averaging and averaging.start
        self.average = np.zeros(shape, np.float16) if start is None else np.array(start, np.float16)
        if self.average.shape != shape:
            raise ValueError(f"the running average is {self.average.shape}, the photos are {shape}")

    def run_epoch(self) -> EpochStats:
        """Train one epoch; every `crf_every` epochs refined predictions then enter the running average."""
        begun = time.perf_counter()
        phase, data = self._phase, self._data
        self._optimizing.begin_epoch(self._epoch)
        draws = _generator(self._seed, self._epoch)
        order = data.learned[torch.randperm(len(data.learned), generator=draws).numpy()]
        predictions = np.full(data.photos.shape[:3], np.nan, np.float16)
        losses, agreements = [], []
        self._network.train()
        for start in range(0, len(order) - phase.batch_size + 1, phase.batch_size):
            rows = np.sort(order[start : start + phase.batch_size])  # sorted: a memory map reads forward
            views = draw_views(len(rows), draws, flip=phase.flip, crop=phase.crop, color=phase.colour)
            loss, agreement, maps = self._step(rows, views, draws)
            losses.append(loss)
            agreements.append(agreement)
            if phase.steps_predict:
                predictions[rows] = views.undo(maps).float().cpu().numpy()
        self._epoch += 1
        if self._averaging is not None and phase.enters_after(self._epoch):
            entering = predictions if phase.steps_predict else self.predict().astype(np.float16)
            self._enter(entering, self._averaging.crf)
        return EpochStats(float(np.mean(losses)), float(np.mean(agreements)), time.perf_counter() - begun)

    def _step(
        self, rows: NDArray[np.int64], views: Views, draws: torch.Generator
    ) -> tuple[float, float, Tensor]:
        phase = self._phase
        photos = self._put(self._data.photos[rows]).permute(0, 3, 1, 2).float()
        labels = torch.stack([self._put(maps[rows]).float() for maps in self._data.labels], 1) / 255
        photos, labels = views.apply(photos, labels, phase.view)
        if self._pasting is not None:
            photos, labels = self._pasting.apply(
                photos, labels, draws, share=phase.paste, crop=phase.crop, color=phase.colour
            )
        logits = self._logits(photos)
        targets = tuple(labels.unbind(1))
        loss = self._loss(logits, labels)
        self._optimizing.optimizer.zero_grad()
        torch.autograd.backward(self._scaler.scale(loss))
        self._optimizing.step(self._scaler)
        maps = torch.sigmoid(at_size(logits[0].detach(), labels))
        return loss.item(), agreement(maps, targets, self._data.thresholds), maps

    def _loss(self, logits: list[Tensor], labels: Tensor) -> Tensor:
        """Of (B, h, w) logits, the finest first, with (B, L, H, W) labels."""
        if self._phase.loss == "f":
            maps = torch.sigmoid(at_size(logits[0], labels))
            return pseudo_label_loss(maps, tuple(labels.unbind(1)), self._data.thresholds, self._phase.beta2)
        height, width = logits[0].shape[1:]
        wanted = functional.adaptive_avg_pool2d(labels.mean(1, keepdim=True), (height, width))[:, 0]
        losses = [edge_loss(at_size(one, wanted), wanted) for one in logits]
        return losses[0] + AUXILIARY_WEIGHT * sum(losses[1:], torch.zeros_like(losses[0]))

    def _logits(self, photos: Tensor) -> list[Tensor]:
        x = self._normalize(photos).contiguous(memory_format=torch.channels_last)
        with _autocast(self._device, self._phase.precision):
            logits = all_logits(self._network, x)
        return [one.float() for one in logits]

    def _put(self, rows: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self._device)

    def predict(self) -> NDArray[np.float32]:
        """(N, S, S) float32 maps of all photos in [0, 1], each the mean of the photo's and its mirror's."""
        self._network.eval()
        maps = []
        with torch.inference_mode(), self._used_weights():
            for start in range(0, len(self._data.photos), self._phase.batch_size):
                rows = self._data.photos[start : start + self._phase.batch_size]
                photos = self._put(rows).permute(0, 3, 1, 2).float()
                both = self._maps(photos) + self._maps(photos.flip(3)).flip(2)
                maps.append((both / 2).cpu().numpy())
        return np.concatenate(maps)

    def _maps(self, photos: Tensor) -> Tensor:
        return torch.sigmoid(at_size(self._logits(photos)[0], photos))

    @contextlib.contextmanager
    def _used_weights(self) -> Iterator[None]:
        """The network with the moving average of its weights, where there is one."""
        if not self._phase.ema:
            yield
            return
        trained = {name: value.clone() for name, value in self._network.state_dict().items()}
        self._network.load_state_dict(self._optimizing.weights())
        try:
            yield
        finally:
            self._network.load_state_dict(trained)

    def _enter(self, predictions: NDArray[np.float16], crf: Crf | None) -> None:
        seen = np.flatnonzero(~np.isnan(predictions[:, 0, 0]))
        keep = self._phase.keep
        for start in range(0, len(seen), 64):  # so that float32 copies stay small
            rows = seen[start : start + 64]
            maps = predictions[rows].astype(np.float32)
            refined = maps if crf is None else crf(self._data.photos[rows], maps)
            refined = np.nan_to_num(refined)  # as released
            before = self.average[rows].astype(np.float32)
            before = np.where(before.any(axis=(1, 2), keepdims=True), before, refined)
            self.average[rows] = keep * before + (1 - keep) * refined

    def network_state(self) -> dict[str, Tensor]:
        """The network's weights as they are used, on the CPU."""
        return _on_cpu(self._optimizing.weights())

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on as if nothing had happened, the running average aside."""
        return {
            "epoch": self._epoch,
            "network": _on_cpu(self._network.state_dict()),
            "scaler": self._scaler.state_dict(),
            **self._optimizing.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of `state_dict`.

        Raises:
            KeyError, RuntimeError: it is not the state of such a phase.
        """
        self._network.load_state_dict(state["network"])
        self._scaler.load_state_dict(state["scaler"])
        self._epoch = int(state["epoch"])
        self._optimizing.load_state_dict(state, self._epoch)


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def agreement(maps: Tensor, labels: tuple[Tensor, ...], thresholds: tuple[float, ...]) -> float:
    """Mean IoU of (B, H, W) maps cut at .5 with labels cut at their thresholds; 1 where both are empty."""
    found = maps > FOREGROUND
    values = []
    for label, threshold in zip(labels, thresholds, strict=True):
        wanted = label > threshold
        union = (found | wanted).sum((1, 2))
        overlap = (found & wanted).sum((1, 2))
        values.append(torch.where(union > 0, overlap / union.clamp_min(1), 1.0))
    return float(torch.stack(values).mean())


def _generator(seed: int, epoch: int) -> torch.Generator:
    """Draws that depend on seed and epoch alone."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))


@contextlib.contextmanager
def _autocast(device: torch.device, precision: str) -> Iterator[None]:
    if precision not in AUTOCAST:
        yield
        return
    with torch.autocast(device.type, AUTOCAST[precision]):
        yield
