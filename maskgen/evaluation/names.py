"""The name by which a mask, its truth and its photo find each other."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath


def name_of(file: str) -> str:
    """A file's stem, with é as one character however the file system wrote it.

    What is no Unicode character is written out, so that every name can be printed, stored and drawn.
    """
    stem = PurePosixPath(file).stem.encode("utf-8", "backslashreplace").decode()
    return unicodedata.normalize("NFC", stem)
