"""A contact sheet of a challenge: its variants side by side, a row for a photo."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..drawing.grid import Cell, Column, encode_grid, render_grid, resize_picture
from ..errors import ShardFault
from ..io.images.stored import decode_photo
from ..shards import manifest, naming, reader, sealed_json
from ..types import RGB
from .folders import SPLIT
from .report import PHOTOS, REPORT
from .shard_sets import FOLDER

CELL_PX = 112
ROWS = 12


def draw_sheet(output: Path, ending: str, rows: int = ROWS) -> bytes:
    """Photos spread over a finished challenge, each in all variants.

    Args:
        output: folder of the challenge.
        ending: ``.png``, ``.jpg`` or ``.jpeg``.
        rows: photos.

    Raises:
        ShardFault: the challenge is not finished, or damaged.
    """
    facts = sealed_json.read(output / REPORT)
    folders = {str(one["label"]): one["folder"] for one in facts["classes"]}
    with (output / PHOTOS).open(newline="") as file:
        taken = [row for row in csv.DictReader(file) if not row["left_out"]]
    places = np.linspace(0, len(taken) - 1, min(rows, len(taken))).round().astype(int).tolist()
    shown = {taken[place]["key"]: folders[taken[place]["label"]] for place in places}
    pictures = [_read(output, variant, shown) for variant in facts["variants"]]
    cells = []
    for key, folder in shown.items():
        captions = {0: key, 1: folder}
        small = [resize_picture(by_key[key], (CELL_PX, CELL_PX)) for by_key in pictures]
        cells.append([Cell(picture, captions.get(place, "")) for place, picture in enumerate(small)])
    columns = [Column(variant, CELL_PX) for variant in facts["variants"]]
    return encode_grid(render_grid(columns, cells, CELL_PX), ending)


def _read(output: Path, variant: str, shown: dict[str, str]) -> dict[str, RGB]:
    """Some pictures of a variant by key, from its folders, or from its shards where there are none."""
    if (output / variant).is_dir():
        return {key: _read_picture(output / variant / SPLIT / folder, key) for key, folder in shown.items()}
    folder = output / FOLDER / variant
    whole = manifest.read(folder)
    photo = naming.stored_ext(naming.PHOTO, whole.members)
    samples = (
        sample
        for record in whole.shards
        for sample in reader.read_samples(folder, record, (photo,), set(shown))
    )
    return {sample.key: decode_photo(sample.members[photo]) for sample in samples}


def _read_picture(folder: Path, key: str) -> RGB:
    path = next(folder.glob(f"{key}.*"), None)
    if path is None:
        raise ShardFault(
            "a picture of the challenge is missing",
            where=str(folder / key),
            cause="it was removed, or not copied",
            remedy="sha256sum -c --quiet SHA256SUMS names what is missing; make it again in a new folder",
        )
    return decode_photo(path.read_bytes())
