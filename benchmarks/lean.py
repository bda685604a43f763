"""What lean samples save and cost: bytes, how alike their masks are, and the loader's time.

    python benchmarks/lean.py SHARDS [--recipe relicv2] [--batch-size 32] [--batches 2] [--rounds 5]

SHARDS holds whole samples, made by ``maskgen run --background none``; its masks are stored anew, whole and
lean, so that both come from the same maps. Bytes are those of a tar, with headers and padding; the table and
the index are counted apart. Masks are compared by intersection over union: small masks as loaders have them,
the same enlarged to a view of 224 px, and the foreground at the photo's size against that of the whole
sample's mask. In each round the same batches are made of both, in changing order; times are CPU times of the
process, and the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.config.run_config import RunConfig, make_config
from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.loaders import DaliLoader, MaskReader, SampleReader, TorchLoader, open_dataset
from maskgen.shards import manifest, naming, reader, tar
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.sample import SampleId, StoredPhoto, encode_sample, store_mask

VIEW_PX = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--recipe", default="relicv2")
    parser.add_argument("--loader", choices=("torch", "dali"), default="torch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = {kind: Path(folder) / kind for kind in ("full", "lean")}
        for kind, path in sets.items():
            store(options.shards, path, kind)
            print(f"{kind}: " + ", ".join(f"{n} {b:,.0f} B" for n, b in bytes_of(path).items()))
        print(", ".join(f"{name} {text}" for name, text in likeness(sets["full"], sets["lean"]).items()))
        if options.rounds:
            print(loader_cost(sets, options))


def store(shards: Path, path: Path, kind: str) -> None:
    """The samples of SHARDS, their masks encoded anew, as a data set of whole or lean samples."""
    whole = manifest.read(shards)
    known = whole.identity["options"]
    values = {name: known[name] for name in ("dataset", "method", "threshold")}
    config = make_config({**values, "output": str(path), "background": "none", "members": kind})
    members = naming.members(photo=True, background=False, classes=False, lean=kind == "lean")
    numbered = enumerate(record for record in whole.shards if record.samples)
    planned = tuple(PlannedShard(f"d-train-{n:06d}", record.samples, "0") for n, record in numbered)
    identity = {"format": naming.written_format(kind), "options": config.fingerprint_fields(), "plan": "0"}
    plan = Plan({**identity, "versions": {}}, members, whole.samples, 0, planned, ())
    (path / naming.RECORDS).mkdir(parents=True)
    for shard, record in zip(planned, whole.shards, strict=True):
        with ShardWriter(path, shard.name, members, plan.fingerprint) as writer:
            for sample in reader.read_samples(shards, record, (naming.PHOTO, naming.MASK)):
                writer.add(
                    encode(sample, config), None, hashlib.sha256(sample.members[naming.PHOTO]).hexdigest()
                )
            writer.commit()
    manifest.write(path, plan)


def encode(sample: reader.SampleBytes, config: RunConfig) -> Any:
    data = sample.members[naming.PHOTO]
    masks = store_mask(
        decode_mask(sample.members[naming.MASK]).astype(np.float32) / 255, config.threshold, config
    )
    photo = StoredPhoto(decode_photo(data), data)
    free = largest_free_rectangle(masks.hard)
    return encode_sample(SampleId(sample.key, None, f"{sample.key}.jpg"), photo, masks, None, free, config)


def bytes_of(path: Path) -> dict[str, float]:
    """Bytes a sample beside the photo: in the tar, by member, and in the files beside it."""
    dataset = open_dataset(path)
    sizes = np.concatenate([shard.sizes for shard in dataset.shards])
    blocks = tar.BLOCK + sizes + -sizes % tar.BLOCK
    found = {ext: float(blocks[:, n].mean()) for n, ext in enumerate(dataset.members) if ext != naming.PHOTO}
    files = sum(f.stat().st_size for s in ("parquet", "idx") for f in path.glob(f"*.{s}"))
    return {"all": sum(found.values()), **found, "table and index": files / dataset.samples}


def likeness(full: Path, lean: Path) -> dict[str, str]:
    """Intersection over union of the masks of two data sets of the same samples."""
    level = open_dataset(full).level
    small = [
        SampleReader(open_dataset(path)).small(np.arange(open_dataset(path).samples)) for path in (full, lean)
    ]
    masks = [MaskReader(path) for path in (full, lean)]
    found: dict[str, list[float]] = {"small masks": [], "view of 224 px": [], "at the photo's size": []}
    for row, key in enumerate(masks[0].keys()):
        pair = [one.fg[row] for one in small]
        found["small masks"].append(iou(*(one >= level for one in pair)))
        views = [cv2.resize(one, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_LINEAR) >= level for one in pair]
        found["view of 224 px"].append(iou(*views))
        found["at the photo's size"].append(iou(*(each.hard(key) for each in masks)))
    soft = np.abs(small[0].fg.astype(int) - small[1].fg).mean() / 255
    texts = {
        name: f"IoU {np.mean(all_):.4f} (p5 {np.percentile(all_, 5):.3f})" for name, all_ in found.items()
    }
    return {**texts, "mean difference of small masks": f"{soft:.4f}"}


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    either = int((first | second).sum())
    return int((first & second).sum()) / either if either else 1.0


def loader_cost(sets: dict[str, Path], options: argparse.Namespace) -> str:
    """CPU time an image of a loader over both, and that of reading alone."""
    kind = DaliLoader if options.loader == "dali" else TorchLoader
    images = options.batch_size * options.batches
    loaders = {
        name: kind(path, options.batch_size, recipe=options.recipe, seed=1) for name, path in sets.items()
    }
    readers = {name: SampleReader(open_dataset(path), ("jpg",)) for name, path in sets.items()}
    wanted = np.arange(min(options.batch_size, readers["full"].dataset.samples))
    times: dict[str, list[float]] = {f"{what} {name}": [] for what in ("loader", "reading") for name in sets}
    for turn in range(options.rounds + 1):
        for name in list(sets)[:: 1 if turn % 2 else -1]:
            loader = loaders[name]
            loader.set_epoch(turn)
            started, batches = time.process_time(), iter(loader)
            for _ in range(options.batches):
                next(batches)
            spent = time.process_time() - started
            loader.close()
            started = time.process_time()
            for _ in range(10):
                readers[name].take(wanted, ("jpg",))
            if turn:  # the first round warms up
                times[f"loader {name}"].append(1e6 * spent / images)
                times[f"reading {name}"].append(1e6 * (time.process_time() - started) / (10 * len(wanted)))
    us = {name: statistics.median(all_) for name, all_ in times.items()}
    share = (us["reading lean"] - us["reading full"]) / us["loader full"]
    return (
        f"{options.loader} loader, {options.recipe}: {us['loader full']:.0f} us an image of whole samples, "
        f"{us['loader lean']:.0f} of lean ones: x {us['loader lean'] / us['loader full']:.4f}; reading "
        f"{us['reading full']:.0f} and {us['reading lean']:.0f} us: {100 * share:+.2f} % of the loader"
    )


if __name__ == "__main__":
    main()
