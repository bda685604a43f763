"""Stage one end to end.

Against the method alone, against each part, and against the obvious pipeline, in one run.

    python benchmarks/stage1.py [PHOTOS] [--images 2000] [--method box] [--weights FILE] [--workers 2]
    [--baseline]

PHOTOS is a folder of JPEGs (the photos that come with maskgen when not given, resized to 400x300). Every
part is timed alone on `workers` processes at once; then `maskgen run` makes real shards from the same photos.
`--baseline` also times what one would write first: webdataset -> DataLoader with `workers` workers -> mask
and background in the main process -> webdataset's TarWriter, with the same method and the same background.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskgen.backgrounds import BACKGROUNDS
from maskgen.config.run_config import make_config
from maskgen.methods import make_method
from maskgen.pipelines.bench import PARTS, part_rates, photos_of
from maskgen.pipelines.resolve import ResolvedConfig, resolve
from maskgen.release import PHOTOS


def sample_photos(folder: Path) -> Path:
    """The photos that come with maskgen as 400x300 JPEGs."""
    folder.mkdir()
    for path in sorted(PHOTOS.glob("*/*.jpg")):
        image = cv2.imread(str(path))
        cv2.imwrite(
            str(folder / f"{path.stem}.jpg"),
            cv2.resize(image, (400, 300), interpolation=cv2.INTER_AREA),
        )
    return folder


def spread(photos: Path, folder: Path, count: int) -> Path:
    """`count` files in `folder`, the photos over and over."""
    files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if not files:
        raise SystemExit(f"no JPEG in {photos}")
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(files), strict=False):
        shutil.copy(path, folder / f"{number:06d}.jpg")
    return folder


def whole_run(arguments: list[str]) -> dict[str, Any]:
    """`maskgen run` as a user starts it; its totals and the wall seconds of the whole command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "maskgen.cli", "run", *arguments, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {**json.loads(done.stdout), "wall_s": time.perf_counter() - started}


def obvious_pipeline(source: Path, folder: Path, config: ResolvedConfig) -> float:
    """Images per second of webdataset -> DataLoader -> TarWriter, the tars of the input made beforehand."""
    import webdataset as wds
    from torch.utils.data import DataLoader

    folder.mkdir()
    files = sorted(source.iterdir())
    shards = [files[start : start + 500] for start in range(0, len(files), 500)]
    for number, part in enumerate(shards):
        with wds.TarWriter(str(folder / f"in-{number:04d}.tar")) as tar:
            for path in part:
                tar.write({"__key__": path.stem, "jpg": path.read_bytes()})
    urls = [str(path) for path in sorted(folder.glob("in-*.tar"))]
    options = config.options
    method = make_method(options.method, config.method)
    background = BACKGROUNDS[options.background]
    started = time.perf_counter()
    dataset = wds.WebDataset(urls, shardshuffle=False).decode("torchrgb").to_tuple("__key__", "jpg")
    loader = DataLoader(dataset, batch_size=None, num_workers=min(options.workers, len(urls)))
    count = 0
    with wds.TarWriter(str(folder / "out.tar")) as tar:
        for key, tensor in loader:
            image = (tensor.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
            mask = method(image)
            filled = background(image, mask >= options.threshold)
            photo, small, fill = io.BytesIO(), io.BytesIO(), io.BytesIO()
            Image.fromarray(image).save(photo, "JPEG", quality=95)
            Image.fromarray((mask * 255).astype(np.uint8)).save(small, "PNG")
            Image.fromarray(filled.image).save(fill, "JPEG", quality=90)
            parts = {"jpg": photo, "mask.png": small, "bg.jpg": fill}
            tar.write({"__key__": key, **{ext: part.getvalue() for ext, part in parts.items()}})
            count += 1
    return count / (time.perf_counter() - started)


def figures(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, float]]:
    """Name and value of every figure, as they are measured."""
    photos = given.photos or sample_photos(folder / "photos")
    source = spread(photos, folder / "source", given.images)
    values = {
        "dataset": "folder",
        "input": str(source),
        "method": given.method,
        "weights": given.weights,
        "background": given.background,
        "runtime": given.runtime,
        "precision": given.precision,
    }
    config = resolve(make_config({**values, "output": str(folder / "parts"), "workers": given.workers}))
    rates = part_rates(config, photos_of(source, folder), given.workers, seconds=3.0)
    yield from rates.items()
    yield "all parts in turn", 1 / sum(1 / rates[part] for part in PARTS)
    arguments = [part for name, value in values.items() if value for part in (f"--{name}", str(value))]
    arguments += ["--workers", str(given.workers), "--shard-size", "100"]
    totals = whole_run([*arguments, "--output", str(folder / "shards")])
    yield "end to end, without start-up", totals["images_per_s"]
    yield "end to end, whole command", totals["samples"] / totals["wall_s"]
    if given.baseline:
        yield "webdataset -> DataLoader -> TarWriter", obvious_pipeline(source, folder / "obvious", config)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--method", default="box")
    parser.add_argument("--weights", default="")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--background", default="tiled")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--baseline", action="store_true")
    given = parser.parse_args()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, rate in figures(given, Path(scratch)):
            found[name] = rate
            print(f"{name:40} {rate:9.2f} images/s", flush=True)
    whole = found["end to end, without start-up"]
    print(f"end to end / method alone                {whole / found['method']:9.3f}")
    print(f"end to end / all parts in turn           {whole / found['all parts in turn']:9.3f}")
    if given.baseline:
        print(
            f"end to end / the obvious pipeline        "
            f"{whole / found['webdataset -> DataLoader -> TarWriter']:9.2f}"
        )


if __name__ == "__main__":
    main()
