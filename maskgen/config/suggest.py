"""What a mistyped word may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIASES = {"gpu": "cuda", "cuda:0": "cuda"}
"""Words of other tools, and the word that stands for the same thing here.

No likeness of letters finds these.
"""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name` in any case, as words for an error; all names when none is close.

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
    plain = {one.lower(): one for one in known}
    alias = ALIASES.get(name.lower())
    if alias in plain:
        return f"did you mean {plain[alias]!r}?"
    match = difflib.get_close_matches(name.lower(), plain, n=1, cutoff=0.55)
    return f"did you mean {plain[match[0]]!r}?" if match else f"known: {', '.join(sorted(plain.values()))}"
