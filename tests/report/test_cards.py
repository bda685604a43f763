"""What is drawn, and how much of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.report.cards import SIDE, Gallery, draw_cards, fit_size
from maskgen.report.opened import survey_maps
from maskgen.report.sample import Findings, Sample


@pytest.fixture
def samples(maps: Path) -> list[Sample]:
    return sorted(survey_maps(maps, 100, 0, 24, set()).drawn, key=lambda one: one.coverage)


def pictures(card: str) -> list[np.ndarray]:
    found = [base64.b64decode(one) for one in re.findall(r"base64,([^\"]+)", card)]
    return [np.asarray(cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR)) for one in found]


def test_each_sample_comes_once_the_first_of_every_sheet_first(samples: list[Sample]) -> None:
    a, b, c, d, e = samples
    gallery = Gallery({"one": [a, b, c], "two": [c, d], "three": [a, e]}, Findings(), 128)
    assert [one.key for one in gallery.samples] == [one.key for one in (a, c, b, d, e)]
    cards = draw_cards(gallery, 10**6)
    places = [re.search(r'data-sheets="([^"]*)"', card)[1] for card in cards]  # type: ignore[index]
    assert places == ["one:0 three:0", "one:2 two:0", "one:1", "two:1", "three:1"]


def test_there_is_no_more_than_there_is_room_for(samples: list[Sample]) -> None:
    gallery = Gallery({"one": samples}, Findings(), 128)
    whole = draw_cards(gallery, 10**6)
    assert len(whole) == 5
    room = sum(len(card.encode()) + 1 for card in whole[:3])
    assert draw_cards(gallery, room) == whole[:3]
    assert draw_cards(gallery, room - 1) == whole[:2]
    assert draw_cards(gallery, -5) == []


def test_a_card_shows_photo_mask_overlay_other_mask_and_truth(samples: list[Sample]) -> None:
    half = samples[3]
    photo = np.full((240, 320, 3), 60, np.uint8)
    findings = Findings(
        pieces={"half": 1},
        agreement={"half": 0.25},
        truth={"half": 0.5},
        others={"half": samples[1].entry.mask},
        truths={"half": samples[4].entry.mask},
    )
    gallery = Gallery({"one": [half]}, findings, 128, {"half": lambda: photo})
    (card,) = draw_cards(gallery, 10**6)
    shown = pictures(card)
    assert [one.shape for one in shown] == [(24, 32, 3)] * 5
    _, mask, overlay, other, truth = (one.mean(axis=2) for one in shown)
    assert [round(float((one > 128).mean()), 2) for one in (mask, other, truth)] == [0.5, 0.12, 1.0]
    assert abs(overlay[:, 20:].mean() - 60) < 4
    assert overlay[:, :12].mean() > 70
    assert "50.0 % foreground · 1 piece · touches 3 sides" in card
    assert "IoU with the other 0.250 · IoU with its truth 0.500" in card
    assert re.findall(r'alt="([^"]*)"', card)[:2] == ["photo of half", "mask of half"]


def test_names_are_shown_and_never_obeyed(samples: list[Sample]) -> None:
    one = samples[2]
    evil = '"><img src=x onerror=alert(1)>'
    bad = Sample(one.entry._replace(names=(evil,)), f"{evil}\u202e", one.size, 0.25, 0.5, 1)
    (card,) = draw_cards(Gallery({"one": [bad]}, Findings(), 128), 10**6)
    assert "onerror" in card
    assert "<img src=x" not in card
    assert "\u202e" not in card


def test_pictures_are_never_larger_than_their_side() -> None:
    for size in ((4000, 3000), (1, 9000), (SIDE, SIDE), (7, 5)):
        high, wide = fit_size(size)
        assert 1 <= high <= min(SIDE, size[0])
        assert 1 <= wide <= min(SIDE, size[1])
