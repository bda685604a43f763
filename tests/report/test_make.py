"""The page as a whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from report_kit import open_page

from maskgen.report.make import make_report
from maskgen.report.settings import LARGEST_BYTES, Settings
from maskgen.shards import manifest

VOID = {"meta", "link", "img", "input", "line", "rect", "text"}


class Nesting(HTMLParser):
    """Whether every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow
def test_a_page_of_shards_stands_alone_and_a_browser_has_nothing_to_complain_of(
    shards: Path, tmp_path: Path
) -> None:
    report = make_report(Settings(masks=shards))
    text = report.page.decode()
    assert report.total == 54
    assert report.left_out == 0
    assert Nesting(text).open == []
    assert re.findall(r"(?:src|href)=\"(?!data:)[^\"]*", text) == []
    assert manifest.read(shards).render().decode().split('"fingerprint":')[1].split('"')[1] in text
    assert text.count(' alt="') == text.count("<img")
    assert text.count(' loading="lazy"') == text.count("<img")
    page = tmp_path / "report.html"
    page.write_bytes(report.page)
    opened = open_page(page, "sheet=all&sort=-confidence")
    assert opened.complaints == []
    assert len(opened.shown) == report.drawn


def test_equal_input_and_settings_give_equal_bytes(shards: Path) -> None:
    settings = Settings(masks=shards, sheet=6, opened=20)
    page = make_report(settings).page
    assert make_report(settings).page == page
    assert make_report(Settings(masks=shards, sheet=6, opened=20, seed=1)).page != page


@pytest.mark.slow
def test_a_page_never_passes_its_limit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder in ("maps", "photos"):
        (tmp_path / folder).mkdir()
    for number in range(330):
        noise = rng.integers(0, 256, (200, 200), np.uint8)  # nothing is larger as a JPEG
        cv2.imwrite(str(tmp_path / "maps" / f"{number}.png"), noise)
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), noise)
    report = make_report(Settings(masks=tmp_path / "maps", photos=tmp_path / "photos", sheet=400))
    assert LARGEST_BYTES * 0.98 < len(report.page) <= LARGEST_BYTES
    assert 0 < report.drawn < 330
    assert report.drawn + report.left_out == 330
    assert f"{report.left_out} masks of the sheets had no room" in report.page.decode()


def test_two_methods_and_a_truth_add_their_sheets(shards: Path, maps: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    key = next(iter(make_names(shards)))
    cv2.imwrite(str(truth / f"{key}.png"), np.full((48, 48), 255, np.uint8))
    text = make_report(Settings(masks=shards, compare=shards, truth=truth, sheet=4)).page.decode()
    assert "Largest disagreement<small>4</small>" in text
    assert "Worst by truth<small>1</small>" in text
    assert "1 of 1 masks that have a truth" in text
    assert "IoU with the other 1.000" in text
    assert "mean 1.000" in text
    plain = make_report(Settings(masks=maps)).page.decode()
    assert "Largest disagreement" not in plain
    assert "Quarantine" not in plain
    assert "5 maps of a folder" in plain


def make_names(shards: Path) -> list[str]:
    from maskgen import MaskReader

    return [key for key, _ in MaskReader(shards)]
