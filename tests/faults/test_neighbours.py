"""Broken files in a source leave their good neighbours' samples exactly as they would be alone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from photos import make_photos

from maskgen.pipelines.running import Outcome, failures
from maskgen.shards import manifest, reader
from maskgen.shards.verify import verify

pytestmark = pytest.mark.faults

SEED = 7


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Cut short, bits flipped, a stretch overwritten, or a stretch removed."""
    kind, content = draw.randrange(4), bytearray(data)
    if kind == 0:
        return data[: draw.randrange(len(data))]
    start = draw.randrange(len(data))
    if kind == 1:
        for _ in range(draw.randrange(1, 20)):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == 2:
        content[start : start + 40] = draw.randbytes(40)
    else:
        del content[start : start + draw.randrange(1, 400)]
    return bytes(content)


def members(output: Path) -> dict[str, dict[str, bytes]]:
    whole = manifest.read(output)
    return {s.key: s.members for r in whole.shards for s in reader.read_samples(output, r, whole.members)}


@pytest.mark.slow
def test_good_neighbours_are_untouched(
    make_set: Callable[..., Outcome], shared_data: Path, tmp_path: Path, full_faults: bool
) -> None:
    draw = random.Random(SEED)
    source = make_photos(tmp_path / "photos")
    make_set(tmp_path / "alone", input=str(source))
    odd = sorted(path for path in (shared_data / "pillow_odd").iterdir() if path.is_file())
    good = [*source.glob("a*.jpg"), *odd]
    for number in range(2000 if full_faults else 60):
        name = draw.choice(good)
        (source / f"a{number % 24:02d}x{number}.jpg").write_bytes(mutated(name.read_bytes(), draw))
    for path in odd:
        shutil.copy(path, source / f"odd-{path.name}")
    outcome = make_set(tmp_path / "crowd", input=str(source), processes=True, shard_size=100)
    images = [path for path in source.iterdir() if path.suffix in {".jpg", ".png", ".webp", ".gif", ".avif"}]
    assert outcome.manifest.planned >= len(images)
    assert outcome.manifest.samples + outcome.manifest.failed == outcome.manifest.planned
    assert not [row for row in failures(tmp_path / "crowd") if row["error"].startswith(("crash", "hang"))]
    alone, crowd = members(tmp_path / "alone"), members(tmp_path / "crowd")
    assert alone
    assert {key: crowd.get(key) for key in alone} == alone
    assert verify(tmp_path / "crowd", "full").faults == ()
