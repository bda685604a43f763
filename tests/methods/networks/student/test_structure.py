"""The blocks and widths of the lite variants by the paper's rules, worked by hand."""

from __future__ import annotations

import pytest

from maskgen.methods.networks.student.structure import blocks_of, scale_width, widths_of


@pytest.mark.parametrize(
    ("width", "factor", "wanted"),
    [
        (16, 1.1, 16),  # 17.6: the nearest multiple of 8 is 16, .91 of it
        (24, 1.1, 24),  # 26.4
        (40, 1.1, 48),  # 44: halfway, upward
        (80, 1.1, 88),
        (112, 1.1, 120),  # 123.2
        (192, 1.1, 208),  # 211.2
        (320, 1.1, 352),
        (11, 1.0, 16),  # 8 would be a tenth and more below
        (3, 1.0, 8),
    ],
)
def test_widths_are_rounded_as_the_paper_does(width: int, factor: float, wanted: int) -> None:
    assert scale_width(width, factor) == wanted


@pytest.mark.parametrize(
    ("name", "blocks", "widths"),
    [
        ("lite0", [1, 2, 2, 3, 3, 4, 1], (16, 24, 40, 112, 320)),
        ("lite1", [1, 3, 3, 4, 4, 5, 1], (16, 24, 40, 112, 320)),  # depth 1.1: 2.2, 3.3, 4.4 upward
        ("lite2", [1, 3, 3, 4, 4, 5, 1], (16, 24, 48, 120, 352)),  # depth 1.2: 2.4, 3.6, 4.8
    ],
)
def test_depths_and_widths_of_the_variants(name: str, blocks: list[int], widths: tuple[int, ...]) -> None:
    assert [count for _, _, count in blocks_of(name)] == blocks
    assert widths_of(name) == widths
