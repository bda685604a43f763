"""How labels are carried from frame to frame: two published settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One setting.

    Args:
        source: where it is published.
        short_side: that frames are resized to, px, their long side rounded down to a multiple of 64; 0: as
            they are.
        last: frames before this one that labels come from, beside the first.
        top: places of all of these frames that a place takes its label from.
        temperature: of the softmax over them.
        radius: of the window that they lie in, in places of the map.
        disk: whether the window is a disk (distance below the radius), else a square (up to it each way).
        window_on_first: whether the first frame has that window too.
        repeat_first: whether the first frame stands in for those before it.
        stretch: whether each object's soft mask is stretched to 0..1 before the largest wins.
    """

    source: str
    short_side: int
    last: int
    top: int
    temperature: float
    radius: int
    disk: bool
    window_on_first: bool
    repeat_first: bool
    stretch: bool


RULES = {
    "dino": Rules(
        source="Caron et al. 2021, https://arxiv.org/abs/2104.14294, and its eval_video_segmentation.py",
        short_side=480,
        last=7,
        top=5,
        temperature=0.1,
        radius=12,
        disk=False,
        window_on_first=True,
        repeat_first=False,
        stretch=True,
    ),
    "jabri": Rules(
        source="Jabri et al. 2020, https://arxiv.org/abs/2006.14613, and its test.py",
        short_side=0,
        last=20,
        top=10,
        temperature=0.05,
        radius=12,
        disk=True,
        window_on_first=False,
        repeat_first=True,
        stretch=False,
    ),
}
