"""The contact sheets as one list of cards, with what chooses and sorts them."""

from __future__ import annotations

from collections.abc import Sequence

from ..config.counted import counted
from ..drawing.page import plain
from .cards import Gallery

SHEETS = {
    "random": ("Random", "Drawn at random: what the masks are like on the whole."),
    "emptiest": ("Emptiest", "The least foreground: what the method did not find."),
    "fullest": ("Fullest", "The most foreground: where the background may have been taken with it."),
    "border": (
        "Touching the border",
        "On the most sides of the photo: cut objects, or background taken for one.",
    ),
    "doubtful": ("Least confident", "The lowest expected agreement with the true mask."),
    "disagreement": ("Largest disagreement", "The lowest intersection over union with the other mask set."),
    "worst": ("Worst by truth", "The lowest intersection over union with the true mask."),
}
"""Titles and descriptions of the contact sheets."""


def gallery_section(gallery: Gallery, cards: Sequence[str]) -> str:
    """The cards behind chips that choose a sheet, an order, and a search.

    Without JavaScript, and for those cards there was room for, all are shown one after another.

    Args:
        gallery: the sheets.
        cards: the first of their cards, in the order of `Gallery.samples`.
    """
    samples = gallery.samples
    drawn = {sample.key for sample in samples[: len(cards)]}
    chips = [
        _chip(name, *SHEETS[name], sum(one.key in drawn for one in sheet))
        for name, sheet in gallery.sheets.items()
    ]
    chips.append(_chip("all", "All", "Every mask of these sheets, once.", len(cards)))
    left_out = len(samples) - len(cards)
    lines = "\n".join(cards)
    told = f" {counted(left_out, 'mask')} of the sheets had no room on this page." if left_out else ""
    return (
        '<h2 id="masks">Masks</h2>'
        f'<p class="quiet">Photo, mask as it is stored, and the foreground tinted.{told}</p>'
        '<div id="tools" hidden><div class="chips" role="group" aria-label="Contact sheet">'
        f"{''.join(chips)}</div>"
        f'<div class="tools"><label>Sort <select id="sort">{_orders(gallery)}</select></label>'
        '<label>Find <input type="search" id="find" placeholder="key or path"></label></div>'
        '<p class="quiet"><span id="about"></span> <span id="shown" role="status"></span></p></div>'
        f'<ul class="cards">{lines}</ul>'
    )


def _chip(name: str, title: str, about: str, count: int) -> str:
    return (
        f'<button type="button" data-sheet="{name}" data-about="{plain(about)}" aria-pressed="false">'
        f"{plain(title)}<small>{count}</small></button>"
    )


def _orders(gallery: Gallery) -> str:
    findings = gallery.findings
    orders = {
        "sheet": "as on the sheet",
        "coverage": "least foreground first",
        "-coverage": "most foreground first",
        "confidence": "least confident first",
        "-confidence": "most confident first",
        "-pieces": "most pieces first",
        "name": "by name",
    }
    if findings.agreement:
        orders["agreement"] = "largest disagreement first"
    if findings.truth:
        orders["truth"] = "worst by truth first"
    return "".join(f'<option value="{value}">{text}</option>' for value, text in orders.items())
