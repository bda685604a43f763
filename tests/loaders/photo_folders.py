"""Photos as they lie in somebody's folders and tars, and the shards without photos that were made of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.sample import SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import Box


@dataclass(frozen=True)
class Original:
    """A photo as it lies in somebody's data set."""

    key: str
    path: str
    data: bytes
    size: tuple[int, int]
    verbatim: bool = True


def photo(number: int, *, exif: int = 0) -> tuple[bytes, tuple[int, int]]:
    rng = np.random.default_rng(number)
    height, width = (int(v) for v in rng.integers(40, 90, 2))
    image = Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8))
    out, tags = io.BytesIO(), Image.Exif()
    if exif:
        tags[0x0112] = exif
    image.save(out, "JPEG", exif=tags)
    return out.getvalue(), (height, width)


def originals(count: int, name: Callable[[int], tuple[str, str]]) -> list[Original]:
    return [Original(*name(i), *photo(i)) for i in range(count)]


def in_tars(number: int) -> tuple[str, str]:
    return f"p{number:03d}", f"part-{number // 4}.tar/p{number:03d}.jpg"


def write_originals(folder: Path, photos: list[Original], kind: int = tarfile.USTAR_FORMAT) -> None:
    """Put photos where their paths say: files, members of tars, members of tars in tars."""
    folder.mkdir(parents=True, exist_ok=True)
    archives: dict[str, dict[str, bytes]] = {}
    for one in photos:
        parts = one.path.split("/")
        tars = [k for k, part in enumerate(parts) if part.endswith(".tar")]
        if tars:
            head, rest = "/".join(parts[: tars[0] + 1]), "/".join(parts[tars[0] + 1 :])
            archives.setdefault(head, {})[rest] = one.data
        else:
            (folder / one.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / one.path).write_bytes(one.data)
    for head, members in archives.items():
        (folder / head).parent.mkdir(parents=True, exist_ok=True)
        (folder / head).write_bytes(archive(members, kind))


def archive(members: dict[str, bytes], kind: int) -> bytes:
    """A tar with a label beside each photo; names with ``.tar/`` in them become tars in the tar."""
    nested: dict[str, dict[str, bytes]] = {}
    flat: dict[str, bytes] = {}
    for name, data in members.items():
        head, inside, rest = name.partition(".tar/")
        if inside:
            nested.setdefault(f"{head}.tar", {})[rest] = data
        else:
            flat[name.rpartition(".")[0] + ".cls"] = b"7"
            flat[name] = data
    flat |= {head: archive(inner, kind) for head, inner in nested.items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, data in flat.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1234.5 if kind == tarfile.PAX_FORMAT else 1234
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def write_sidecar(path: Path, photos: list[Original], shard_size: int = 5) -> Path:
    """Shards without photos, committed as `maskgen run --layout sidecar` would."""
    config = RunConfig(
        dataset="webdataset",
        input="x",
        output="y",
        method="box",
        layout="sidecar",
        background="none",
        threshold=0.5,
    )
    members = naming.members(photo=False, background=False, classes=False)
    starts = range(0, len(photos), shard_size)
    shards = tuple(
        PlannedShard(naming.shard_name("d", "train", i), min(shard_size, len(photos) - s), "0")
        for i, s in enumerate(starts)
    )
    identity = {
        "format": naming.FORMAT_VERSION,
        "options": config.fingerprint_fields(),
        "versions": {},
        "plan": digest([1]),
    }
    plan = Plan(identity, members, len(photos), 0, shards, ())
    (path / naming.RECORDS).mkdir(parents=True)
    for shard, start in zip(shards, starts, strict=True):
        with ShardWriter(path, shard.name, members, plan.fingerprint) as writer:
            for one in photos[start : start + shard.images]:
                mask = np.zeros(one.size, np.float32)
                mask[5:20, 7:30] = 1
                image = np.zeros((*one.size, 3), np.uint8)
                sample = SampleId(one.key, None, one.path)
                masks = store_mask(mask, 0.5, config)
                encoded = encode_sample(
                    sample,
                    StoredPhoto(image, one.data if one.verbatim else None),
                    masks,
                    None,
                    Box(0, 0, 1, 1),
                    config,
                )
                writer.add(encoded, None, digest_of(one.data))
            writer.commit()
    manifest.write(path, plan)
    return path


def digest_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def read_all(shards: Path, folder: Path | str, **options: object) -> dict[str, bytes]:
    dataset = open_dataset(shards, photos=folder, **options)  # type: ignore[arg-type]
    reader = SampleReader(dataset, ("jpg",))
    taken = reader.take(np.arange(dataset.samples), ("jpg",))
    return dict(zip(reader.keys(taken.samples), (d.tobytes() for d in taken.encoded["jpg"]), strict=True))


def expected(photos: list[Original]) -> dict[str, bytes]:
    return {one.key: one.data for one in photos}


LAYOUTS: dict[str, Callable[[int], tuple[str, str]]] = {
    "tars": in_tars,
    "folders in tars": lambda i: (f"train_p{i}", f"t{i % 2}.tar/train/p{i}.jpg"),
    "tars in folders": lambda i: (f"p{i}", f"a/b/t{i // 5}.tar/p{i}.jpg"),
    "files": lambda i: (f"c{i // 3}_p{i}", f"c{i // 3}/p{i}.JPEG"),
    "files at the top": lambda i: (f"p{i}", f"p{i}.jpg"),
    "tars in a tar": lambda i: (f"n{i // 4}_{i}", f"train.tar/n{i // 4}.tar/n{i // 4}_{i}.JPEG"),
    "long names": lambda i: (f"p{i}", f"t.tar/{'x' * 60}/{'y' * 80}/p{i}.jpg"),
}
