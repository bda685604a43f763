"""A page in a real browser: what it has become, and what it complained of; maps of known shares."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

SHARES = {"empty": 0, "eighth": 4, "quarter": 8, "half": 16, "whole": 32}
"""Columns of 32 that are foreground in each map of the fixture `maps`, from the left."""


class Opened(NamedTuple):
    """A page that its scripts have run on.

    Args:
        html: of the document.
        complaints: lines of its console.
    """

    html: str
    complaints: list[str]

    @property
    def shown(self) -> list[str]:
        """The names of the cards that are to be seen, in their order."""
        cards = re.findall(r"<li ([^>]*)>", self.html)
        names = [re.search(r'data-name="([^"]*)"', card) for card in cards if "hidden" not in card]
        return [name[1] for name in names if name]


def open_page(page: Path, state: str = "") -> Opened:
    """Open a page in Chromium with a state behind its address; skips where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium is installed here")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run(
        [chromium, *words, f"--user-data-dir={page.parent / 'browser'}", f"{page.as_uri()}#{state}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Opened(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])
