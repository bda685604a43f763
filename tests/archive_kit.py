"""Archives of our own: made in memory, and unpacked by any Python that maskgen supports."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def tar_of(
    files: Mapping[str, bytes] | Sequence[tuple[str, bytes]], form: int = tarfile.USTAR_FORMAT
) -> bytes:
    """A tar of these files, in this order; a sequence may have a name twice."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for name, data in files.items() if isinstance(files, Mapping) else files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def unpack(archive: Path, folder: str | Path) -> None:
    """Write what is in a tar file into a folder. Python knows filters, and asks for one, from 3.11.4 on."""
    with tarfile.open(archive) as source:
        if hasattr(tarfile, "data_filter"):
            source.extractall(folder, filter="data")
        else:
            source.extractall(folder)
