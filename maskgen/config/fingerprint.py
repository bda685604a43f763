"""The SHA-256 of a configuration, and the fields in which two configurations differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def digest(value: Any) -> str:
    """SHA-256 hex of a JSON value in canonical form (sorted keys, no spaces, ASCII only).

    Args:
        value: made of dict, list, str, int, float, bool and None.

    Raises:
        TypeError: the value holds something that JSON does not know.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
        >>> digest({})[:8]
        '44136fa3'
    """
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line per field that differs between two flat or nested mappings, ``name: old -> new``.

    Args:
        old: the configuration that a folder holds.
        new: the one that is asked for; a name that only one of the two has counts as None in the other.

    Example:
        >>> differences({"seed": 0, "loss": {"beta": 1}}, {"seed": 0, "loss": {"beta": 2}})
        ['loss.beta: 1 -> 2']
    """
    lines = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += [f"{name}.{line}" for line in differences(before, after)]
        elif before != after:
            lines.append(f"{name}: {before!r} -> {after!r}")
    return lines
