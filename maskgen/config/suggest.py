"""What a mistyped word may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIASES = {"gpu": "cuda", "cuda:0": "cuda"}
"""Words of other tools, and the word that stands for the same thing here.

No likeness of letters finds these.
"""


def closest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name` in any case; empty when none is close.

    Example:
        >>> closest("Verfy", ["status", "verify"])
        'verify'
    """
    plain = {one.lower(): one for one in known}
    alias = ALIASES.get(name.lower())
    if alias in plain:
        return plain[alias]
    match = difflib.get_close_matches(name.lower(), plain, n=1, cutoff=0.55)
    return plain[match[0]] if match else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """`closest`, as words for an error; all known names when none is close.

    Args:
        name: what was given.
        known: what could have been given.

    Example:
        >>> nearest("verfy", ["status", "verify"])
        "did you mean 'verify'?"
        >>> nearest("gpu", ["cpu", "cuda"])
        "did you mean 'cuda'?"
        >>> nearest("x", ["status", "verify"])
        'known: status, verify'
    """
    names = sorted(known)
    found = closest(name, names)
    return f"did you mean {found!r}?" if found else f"known: {', '.join(names)}"
