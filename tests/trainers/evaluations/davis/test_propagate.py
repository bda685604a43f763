"""Labels carried on: against loops over all places, and features that say where everything went."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from maskgen.trainers.evaluations.davis import propagate as module
from maskgen.trainers.evaluations.davis.propagate import Source, decide, label_frame, propagate
from maskgen.trainers.evaluations.davis.rules import RULES, Rules

SMALL = {name: dataclasses.replace(rules, radius=3, top=4, last=2) for name, rules in RULES.items()}


def slow(target: Tensor, sources: list[Source], rules: Rules) -> Tensor:
    """Place by place, as the papers say it."""
    _, height, width = target.shape
    found = torch.zeros(sources[0].labels.shape)
    for y in range(height):
        for x in range(width):
            rows = []
            for source in sources:
                for v in range(height):
                    for u in range(width):
                        dy, dx = abs(v - y), abs(u - x)
                        near = dy**2 + dx**2 < rules.radius**2 if rules.disk else max(dy, dx) <= rules.radius
                        if near or not source.windowed:
                            score = float(source.features[:, v, u] @ target[:, y, x])
                            rows.append((score, source.labels[:, v, u]))
            best = sorted(rows, key=lambda row: -row[0])[: rules.top]
            weights = torch.tensor([score / rules.temperature for score, _ in best]).exp()
            weights /= weights.sum()
            found[:, y, x] = sum(w * label for w, (_, label) in zip(weights, best, strict=True))
    return found


@pytest.mark.parametrize("name", ["dino", "jabri"])
def test_a_frame_is_what_loops_give(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 2)
    rules, generator = SMALL[name], torch.Generator().manual_seed(0)
    maps = [functional.normalize(torch.randn(5, 7, 8, generator=generator), dim=0) for _ in range(4)]
    shares = [torch.rand(3, 7, 8, generator=generator).softmax(0) for _ in range(3)]
    windowed = [rules.window_on_first, True, True]
    sources = [Source(*one) for one in zip(maps[:3], shares, windowed, strict=True)]
    assert torch.allclose(label_frame(maps[3], sources, rules), slow(maps[3], sources, rules), atol=1e-5)


def test_which_frames_labels_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """DINO: the first and up to two before. Jabri: the first and two, for which it stands in at the start."""
    seen: list[list[tuple[int, bool]]] = []

    def note(target: Tensor, sources: list[Source], _rules: Rules) -> Tensor:
        seen.append([(int(source.labels[0, 0, 0]), source.windowed) for source in sources])
        return torch.full((1, 1, 1), float(len(seen)))

    monkeypatch.setattr(module, "label_frame", note)
    frames = [torch.ones(1, 1, 1)] * 4
    list(propagate(frames, torch.zeros(1, 1, 1), SMALL["dino"]))
    assert seen == [[(0, True)], [(0, True), (1, True)], [(0, True), (1, True), (2, True)]]
    seen.clear()
    list(propagate(frames, torch.zeros(1, 1, 1), SMALL["jabri"]))
    free = (0, False)
    assert seen == [
        [free, (0, True), (0, True)],
        [free, (0, True), (1, True)],
        [free, (1, True), (2, True)],
    ]


@pytest.mark.parametrize("name", ["dino", "jabri"])
def test_objects_are_found_where_their_features_went(name: str) -> None:
    """Every place has a feature of its own, and all move by (1, 2) in each frame."""
    generator = torch.Generator().manual_seed(0)
    world = torch.randn(32, 40, 40, generator=generator)
    labels = functional.one_hot((world[0] > 0.5).long(), 2).permute(2, 0, 1).float()
    cut = [(slice(None), slice(20 - t, 32 - t), slice(20 - 2 * t, 34 - 2 * t)) for t in range(5)]
    found = list(propagate([world[c] for c in cut], labels[cut[0]], RULES[name]))
    for t, frame in enumerate(found, start=1):
        known = (slice(None), slice(t, None), slice(2 * t, None))  # what was there in the first frame
        assert torch.equal(frame[known].argmax(0), labels[cut[t]][known].argmax(0))
        assert torch.allclose(frame.sum(0), torch.ones(12, 14), atol=1e-5)


def test_a_window_keeps_labels_from_far_away() -> None:
    rules = dataclasses.replace(SMALL["dino"], top=1)
    features = torch.zeros(2, 1, 12)
    features[0] = 1.0
    source, target = features.clone(), features.clone()
    source[:, 0, 0] = target[:, 0, 11] = torch.tensor([0.0, 1.0])
    labels = torch.zeros(2, 1, 12)
    labels[0], labels[0, 0, 0], labels[1, 0, 0] = 1.0, 0.0, 1.0
    near = label_frame(target, [Source(source, labels, True)], rules)
    anywhere = label_frame(target, [Source(source, labels, False)], rules)
    assert near[1, 0, 11] == 0
    assert anywhere[1, 0, 11] == 1


def test_the_largest_share_wins_and_stretching_lifts_small_objects() -> None:
    labels = torch.zeros(3, 2, 2)
    labels[0] = 0.7
    labels[1, 0, 0] = 0.3
    assert not decide(labels, (4, 4), stretch=False).any()
    stretched = decide(labels, (2, 2), stretch=True)
    assert stretched[0, 0] == 1
    assert not decide(torch.zeros(3, 2, 2), (4, 4), stretch=True).any()
    assert decide(labels * 0, (6, 4), stretch=False).shape == (6, 4)
