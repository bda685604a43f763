"""The list of cards, in a real browser: sheets, orders, search."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from report_kit import SHARES, open_page

from maskgen.report.gallery import SHEETS
from maskgen.report.make import make_report
from maskgen.report.settings import Settings


@pytest.fixture
def page(maps: Path, tmp_path: Path) -> Path:
    truth = tmp_path / "truth"
    truth.mkdir()
    cv2.imwrite(str(truth / "eighth.png"), np.full((24, 32), 255, np.uint8))
    cv2.imwrite(str(truth / "whole.png"), np.full((24, 32), 255, np.uint8))
    path = tmp_path / "report.html"
    path.write_bytes(make_report(Settings(masks=maps, truth=truth, sheet=3)).page)
    return path


@pytest.mark.slow
def test_sheets_orders_and_searches_show_what_they_say(page: Path) -> None:
    first = open_page(page)
    assert len(first.shown) == 3
    assert first.complaints == []
    expected = {
        "sheet=emptiest": ["empty", "eighth", "quarter"],
        "sheet=fullest": ["whole", "half", "quarter"],
        "sheet=fullest&sort=coverage": ["quarter", "half", "whole"],
        "sheet=all&sort=-coverage": sorted(SHARES, key=SHARES.__getitem__, reverse=True),
        "sheet=all&sort=name": sorted(SHARES),
        "sheet=worst": ["eighth", "whole"],
        "sheet=all&sort=truth&find=WHO": ["whole"],
        "sheet=all&find=nothing+like+this": [],
    }
    for state, names in expected.items():
        opened = open_page(page, state)
        assert (state, opened.shown, opened.complaints) == (state, names, [])


@pytest.mark.slow
def test_a_state_that_the_page_does_not_know_is_the_first_sheet(page: Path) -> None:
    opened = open_page(page, "sheet=<b>&sort=__proto__&find=")
    assert (opened.shown, opened.complaints) == (open_page(page).shown, [])


def test_without_javascript_every_card_is_there(page: Path) -> None:
    text = page.read_text()
    assert text.count("<li data-sheets") == 5
    assert "<li hidden" not in text
    assert '<div id="tools" hidden>' in text


def test_every_sheet_has_a_button_with_its_number(page: Path) -> None:
    text = page.read_text()
    for name in ("random", "emptiest", "fullest", "border", "doubtful"):
        assert f'data-sheet="{name}" data-about="{SHEETS[name][1]}"' in text
    assert 'data-sheet="disagreement"' not in text
    assert "Worst by truth<small>2</small>" in text
