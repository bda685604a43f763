"""Does a rearrangement of the code change what it makes? One fingerprint, to compare two commits.

python benchmarks/proof_of_move.py --output before.json          # at the commit before
python benchmarks/proof_of_move.py --against before.json         # at the commit after; exit status 1 if
anything differs

Three things are fingerprinted, all on photos that scikit-image ships:

- every file of `maskgen run --dataset sample`, by its bytes, but for the log, which tells times;
- the first three batches of every recipe, by every tensor of them, from `DaliLoader` and from `TorchLoader`;
- the first three losses of every training method's smoke preset, to the last digit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

STEPS = 3


def command(*words: str | Path) -> None:
    """Run one of maskgen's commands; its stdout is not wanted."""
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder but the log, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "run.log.jsonl")
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def batch_hash(batch: dict[str, Any]) -> str:
    """One hash of all that a batch holds."""
    digest = hashlib.sha256()
    for name in sorted(batch):
        digest.update(name.encode())
        parts = batch[name] if isinstance(batch[name], (tuple, list)) else (batch[name],)
        for part in parts:
            if hasattr(part, "numpy"):
                digest.update(f"{tuple(part.shape)} {part.dtype}".encode())
                digest.update(part.numpy().tobytes())
            else:
                digest.update(repr(part).encode())
    return digest.hexdigest()


def batch_hashes(shards: Path) -> dict[str, list[str]]:
    """Hashes of the first batches, by loader and recipe."""
    from maskgen.loaders import RECIPES, DaliLoader, TorchLoader, open_dataset

    dataset, found = open_dataset(shards), {}
    for kind in (DaliLoader, TorchLoader):
        for name, recipe in RECIPES.items():
            loader = kind(dataset, 4, recipe=recipe, seed=7)
            found[f"{kind.__name__} {name}"] = [batch_hash(dict(batch)) for batch in islice(loader, STEPS)]
            loader.close()
    return found


def labeled_photos(folder: Path) -> Path:
    """54 crops of 48 px of three of scikit-image's photos, one folder for each as its class."""
    import numpy as np
    import skimage.data
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("astronaut", "cat", "coffee"):
        photo = getattr(skimage.data, name)()
        (folder / name).mkdir(parents=True)
        for number in range(18):
            y, x = rng.integers(0, (photo.shape[0] - 96, photo.shape[1] - 96))
            Image.fromarray(photo[y : y + 96 : 2, x : x + 96 : 2]).save(folder / name / f"{number:02d}.png")
    return folder


def losses(shards: Path, work: Path) -> dict[str, list[float]]:
    """The first losses of each training method."""
    from maskgen.trainers.presets import PRESETS

    found = {}
    for method in PRESETS:
        run = work / method
        command(
            "maskgen.trainers",
            method,
            "--preset",
            "smoke",
            "--data",
            shards,
            "--output",
            run,
            "--log-every",
            "1",
            "--threads",
            "1",
            "--set",
            "batch_size=16",
            "--set",
            "epochs=1",
        )
        records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        found[method] = [record["loss"] for record in records if "loss" in record][:STEPS]
    return found


def fingerprint(work: Path) -> dict[str, Any]:
    """Everything, by what made it."""
    command("maskgen", "run", "--dataset", "sample", "--output", work / "sample")
    command("maskgen", "run", "--dataset", "sample", "--output", work / "deepusps", "--method", "deepusps")
    photos = labeled_photos(work / "photos")
    source = ("--dataset", "folder", "--labels", "folder", "--input", photos)
    command("maskgen", "run", *source, "--output", work / "labeled", "--method", "rbd", "--shard-size", "16")
    return {
        "files": {name: file_hashes(work / name) for name in ("sample", "deepusps", "labeled")},
        "batches": batch_hashes(work / "sample"),
        "losses": losses(work / "labeled", work),
    }


def differences(before: dict[str, Any], after: dict[str, Any], where: str = "") -> list[str]:
    """The places where two fingerprints differ."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{where}{name} > ")
        elif old != new:
            found.append(f"{where}{name}: {old} is now {new}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the fingerprint there")
    parser.add_argument("--against", type=Path, help="a fingerprint to compare with")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fingerprint(Path(folder))
    if options.output:
        options.output.write_text(json.dumps(found, indent=2))
    counts = [f"{sum(map(len, found['files'].values()))} files", f"{len(found['batches'])} recipes by loader"]
    print(f"fingerprinted: {', '.join(counts)}, {len(found['losses'])} training methods")
    if not options.against:
        return 0
    differing = differences(json.loads(options.against.read_text()), found)
    print("\n".join(differing) or "identical")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
