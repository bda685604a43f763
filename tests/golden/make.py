"""Write the golden data set of a format version: ``python tests/golden/make.py
tests/golden/format-2.tar.xz``.

To be run once for each new version of the format, never again for an old one: what it wrote then is the proof
that later versions still read it.

It draws six small photos in two classes, has `maskgen run` make shards with photos and shards without, and
notes what they hold in ``expected.json`` by means of tarfile, struct and Pillow, not by this package's own
readers.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

RUNS = {
    "full": ["--method", "rbd", "--layout", "full", "--background", "tiled"],
    "sidecar": [
        *("--method", "mc", "--layout", "sidecar", "--binary"),
        *("--background", "tiled", "--background-store", "patch"),
    ],
}
LEAN = {
    "full": ["--method", "rbd", "--layout", "full", "--members", "lean"],
    "sidecar": ["--method", "mc", "--layout", "sidecar", "--members", "lean"],
}
"""Of format 5, the only one with lean members."""
COMMON = [
    "--dataset",
    "folder",
    "--labels",
    "folder",
    "--shard-size",
    "4",
    "--max-failures",
    "1",
    "--workers",
    "1",
]


def draw(number: int) -> Image.Image:
    """A bright disc on a dark gradient, (32..64, 32..64) px."""
    rng = np.random.default_rng(number)
    height, width = (int(side) for side in rng.integers(32, 65, 2))
    y, x = np.mgrid[0:height, 0:width] + 0.5
    center, radius = rng.uniform(0.4, 0.6, 2) * (height, width), rng.uniform(0.2, 0.3) * min(height, width)
    inside = np.clip(radius + 0.5 - np.hypot(y - center[0], x - center[1]), 0, 1)[..., None]
    ground = np.stack([20 + 40 * y / height, 30 + 40 * x / width, np.full_like(y, 50)], axis=-1)
    disc = rng.uniform(150, 255, 3)
    return Image.fromarray(np.rint(ground * (1 - inside) + disc * inside).astype(np.uint8))


def photos(folder: Path) -> None:
    """Six photos in two folders, which are their classes, and a file that is no photo."""
    for number in range(6):
        place = folder / ("birds", "cats")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        draw(number).save(place / f"photo-{number}.jpg", quality=90)
    (folder / "birds" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn off here")


def facts(shards: Path) -> dict[str, dict[str, object]]:
    """By key: every member's SHA-256, meta, mask and corner values, in words that need none of our
    readers.
    """
    found: dict[str, dict[str, object]] = {}
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, ext = member.name.partition(".")
                data = archive.extractfile(member).read()  # type: ignore[union-attr]
                one = found.setdefault(key, {"shard": path.stem, "members": {}})
                one["members"][ext] = hashlib.sha256(data).hexdigest()  # type: ignore[index]
                if ext == "meta":
                    one["meta"] = list(struct.unpack(f"<{len(data) // 4}i", data))
                elif ext == "cls":
                    one["label"] = int(data)
                elif ext == "sat":
                    place = 32 * 15 + 15 if len(data) == 2048 else 33 * 16 + 16
                    one["sat_middle"] = struct.unpack_from("<H", data, 2 * place)[0]
                elif ext == "mask.png":
                    mask = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
                    one["mask"] = {
                        "shape": list(mask.shape),
                        "sha256": hashlib.sha256(mask.tobytes()).hexdigest(),
                    }
                elif ext in ("jpg", "bg.jpg"):
                    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)
                    one[ext] = {
                        "shape": list(pixels.shape),
                        "mean": pixels.mean(axis=(0, 1)).round(2).tolist(),
                    }
    return found


def write(folder: Path, runs: dict[str, list[str]]) -> None:
    """Photos, shards of both layouts, and what they hold."""
    photos(folder / "photos")
    expected = {}
    for name, options in runs.items():
        place = ["--input", str(folder / "photos"), "--output", str(folder / name)]
        subprocess.run([sys.executable, "-m", "maskgen", "run", *COMMON, *options, *place], check=True)
        for path in sorted((folder / name).rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
            elif path.parent.name == "records" or path.name.startswith((".", "plan", "run.log")):
                path.unlink()  # what a published copy does not have: commit records, locks, plan, log
        expected[name] = facts(folder / name)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def main(archive: Path) -> None:
    """Everything, into an archive that is not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), LEAN if "format-5" in archive.name else RUNS)
        with tarfile.open(archive, "x:xz") as file:
            for path in sorted(Path(folder).rglob("*")):
                file.add(path, path.relative_to(folder), recursive=False, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(
        mtime=0, mode=0o755 if member.isdir() else 0o644, uid=0, gid=0, uname="", gname="", deep=False
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
