"""Sizes and durations as people read them."""

from __future__ import annotations


def format_size(count: float) -> str:
    """A number of bytes for people, in powers of 1000.

    Example:
        >>> format_size(999), format_size(1_234_567)
        ('999 B', '1.23 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{int(count)} B"
        count /= 1000
    return f"{count:.3g} TB"


def format_time(seconds: float) -> str:
    """A duration for people.

    Example:
        >>> format_time(5), format_time(540), format_time(9000)
        ('5.0 s', '9 min', '2.5 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 60 else f"{hours:.1f} h"
