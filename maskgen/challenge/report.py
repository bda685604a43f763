"""What a challenge says of itself: which photos, why not the others, and the checksums of all files."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..io.atomic import PartialFile, fsync_folder
from .selection import Selection
from .variants import MIXED

SETTINGS, REPORT, PHOTOS, SUMS = "settings.json", "challenge.json", "photos.csv", "SHA256SUMS"


def list_photos(selection: Selection, mixed: Mapping[int, Mapping[str, int]]) -> bytes:
    """``photos.csv``: of every sample its key and label, why it is left out, and whose backgrounds it gets.

    Args:
        selection: all samples.
        mixed: the photo whose background each gets, by number and variant.
    """
    sink = io.StringIO()
    rows = csv.writer(sink, lineterminator="\n")
    rows.writerow(["key", "label", "left_out", *MIXED])
    for number, (key, label, reason) in enumerate(
        zip(selection.keys, selection.labels, selection.reasons, strict=True)
    ):
        donors = mixed.get(number, {})
        names = [selection.keys[donors[name]] if name in donors else "" for name in MIXED]
        rows.writerow([key, label if label >= 0 else "", reason, *names])
    return sink.getvalue().encode()


def summarize(
    facts: Mapping[str, Any],
    selection: Selection,
    classes: Mapping[int, str],
    variants: Sequence[str],
    sums: str,
) -> dict[str, Any]:
    """What ``challenge.json`` says.

    Args:
        facts: what the pictures depend on.
        selection: all samples.
        classes: the folder's name of each class.
        variants: of every photo.
        sums: SHA-256 of ``SHA256SUMS``.

    Returns:
        The facts; ``samples`` (of the shards), ``photos`` (taken); ``left_out``: count and share of each
        reason; ``classes``: label, folder and photos of each; ``variants``; ``sha256``: one figure for all
        files, to compare two challenges by.
    """
    count = len(selection.reasons)
    taken = Counter(selection.labels[number] for number in selection.taken)
    return {
        **facts,
        "samples": count,
        "photos": taken.total(),
        "left_out": {
            reason: {"count": number, "share": round(number / count, 6)}
            for reason, number in selection.left_out().items()
        },
        "classes": [
            {"label": label, "folder": folder, "photos": taken[label]} for label, folder in classes.items()
        ],
        "variants": list(variants),
        "sha256": sums,
    }


def write_sums(output: Path, parts: Path, more: Mapping[str, str]) -> str:
    """Join the parts' lists of checksums as ``SHA256SUMS``, which ``sha256sum -c`` reads.

    Args:
        output: of the challenge.
        parts: the folder of the lists.
        more: SHA-256 of further files, by their paths.

    Returns:
        The SHA-256 of the whole list.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    with PartialFile(output / SUMS) as file:
        for path in sorted(parts.glob("*.sha256")):
            file.write(path.read_bytes())
        file.write("".join(f"{sha256}  {path}\n" for path, sha256 in sorted(more.items())).encode())
        file.sync()
        file.put()
        fsync_folder(output)
        return file.sha256
