"""Labels carried from frame to frame by the nearest features.

For each place of a frame: the `top` most alike places of the frames before it, within a window; their labels,
weighed by the softmax of their cosines over the temperature.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .rules import Rules

_ROWS = 6
"""Rows of a map at once: bounds the memory."""


class Source(NamedTuple):
    """A frame that labels come from.

    Args:
        features: (D, h, w), each place of length 1.
        labels: (C, h, w), shares of each object, the background first.
        windowed: whether only places near the target count.
    """

    features: Tensor
    labels: Tensor
    windowed: bool


def propagate(frames: Iterable[Tensor], first: Tensor, rules: Rules) -> Iterator[Tensor]:
    """The labels of each frame but the first, from those before it.

    Args:
        frames: (D, h, w) features, the first frame's first.
        first: (C, h, w) labels of the first frame.
        rules: how.

    Yields:
        (C, h, w) shares, of sum 1 at each place.
    """
    kept: deque[Source] = deque(maxlen=rules.last)
    start: Source | None = None
    for frame in frames:
        features = functional.normalize(frame, dim=0)
        if start is None:
            start = Source(features, first, windowed=rules.window_on_first)
            if rules.repeat_first:
                kept.extend([Source(features, first, windowed=True)] * rules.last)
            continue
        labels = label_frame(features, [start, *kept], rules)
        kept.append(Source(features, labels, windowed=True))
        yield labels


def label_frame(target: Tensor, sources: list[Source], rules: Rules) -> Tensor:
    """The labels of one frame.

    Args:
        target: (D, h, w) features of length 1.
        sources: frames with labels.
        rules: `top`, `temperature`, `radius` and `disk` of them.

    Returns:
        (C, h, w).
    """
    height = target.shape[1]
    parts = [
        _label_rows(target, top, min(top + _ROWS, height), sources, rules) for top in range(0, height, _ROWS)
    ]
    return torch.cat(parts, dim=1)


def _label_rows(target: Tensor, top: int, end: int, sources: list[Source], rules: Rules) -> Tensor:
    """Rows top..end-1: (C, end - top, w)."""
    wanted, width = target[:, top:end].flatten(1), target.shape[2]
    low, high = max(0, top - rules.radius), min(target.shape[1], end + rules.radius)
    near = _near((low, high), (top, end), width, rules).to(target.device)
    scores, labels = [], []
    for source in sources:
        rows = slice(low, high) if source.windowed else slice(None)
        found = source.features[:, rows].flatten(1).T @ wanted
        scores.append(found.masked_fill_(~near, -torch.inf) if source.windowed else found)
        labels.append(source.labels[:, rows].flatten(1))
    values, places = torch.cat(scores).topk(min(rules.top, sum(map(len, scores))), dim=0)
    weights = (values / rules.temperature).softmax(dim=0)
    taken = torch.cat(labels, dim=1)[:, places]
    summed: Tensor = (taken * weights).sum(1)
    return summed.reshape(-1, end - top, width)


def _near(source: tuple[int, int], target: tuple[int, int], width: int, rules: Rules) -> Tensor:
    """(m, n) bool: which of the m places of the source's rows lie in the window of each target place."""
    column = torch.arange(width)
    down = (torch.arange(*source)[:, None] - torch.arange(*target)[None]).abs()[:, None, :, None]
    across = (column[:, None] - column[None]).abs()[None, :, None, :]
    if rules.disk:
        near = down**2 + across**2 < rules.radius**2
    else:
        near = (down <= rules.radius) & (across <= rules.radius)
    return near.flatten(2).flatten(0, 1)


def decide(labels: Tensor, size: tuple[int, int], *, stretch: bool) -> Tensor:
    """The number of the object of each pixel: bilinearly enlarged, stretched if asked, the largest.

    Args:
        labels: (C, h, w).
        size: (H, W), px.
        stretch: each object's smallest value becomes 0 and its largest 1, as in DINO's code; an object that
            has vanished stays 0.

    Returns:
        (H, W) int64.
    """
    large = functional.interpolate(labels[None], size, mode="bilinear", align_corners=False)[0]
    if stretch:
        low = large.amin((1, 2), keepdim=True)
        high = (large - low).amax((1, 2), keepdim=True)
        there = large.amax((1, 2), keepdim=True) > 0
        large = torch.where(there & (high > 0), (large - low) / high.clamp_min(1e-30), large)
    return large.argmax(0)
