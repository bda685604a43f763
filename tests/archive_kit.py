"""Archives of our own, unpacked by any Python that maskgen supports."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: Path, folder: str | Path) -> None:
    """Write what is in a tar file into a folder. Python knows filters, and asks for one, from 3.11.4 on."""
    with tarfile.open(archive) as source:
        if hasattr(tarfile, "data_filter"):
            source.extractall(folder, filter="data")
        else:
            source.extractall(folder)
