"""Sidecar shards joined with the original photos: by path or by key, every sample its own photo, or a refusal."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.dataset.find_originals import files_of
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import BrokenSample, SampleReader
from maskgen.shards import manifest, naming
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.sample import SampleId, encode_sample, store_mask
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
    identity = {"options": config.fingerprint_fields(), "versions": {}, "plan": digest([1])}
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
                    sample, (image, one.data if one.verbatim else None), masks, None, Box(0, 0, 1, 1), config
                )
                writer.add(encoded, None, digest_of(one.data))
            writer.commit()
    manifest.write(path, plan)
    return path


def digest_of(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def read_all(shards: Path, folder: Path, **options: object) -> dict[str, bytes]:
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


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_sample_gets_its_own_photo(tmp_path: Path, layout: str, kind: int) -> None:
    photos = originals(12, LAYOUTS[layout])
    write_originals(tmp_path / "o", photos, kind)
    shards = write_sidecar(tmp_path / "s", photos)
    assert read_all(shards, tmp_path / "o", check_hashes=True) == expected(photos)


def test_order_of_the_originals_does_not_matter(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos[::-1])
    assert read_all(write_sidecar(tmp_path / "s", photos), tmp_path / "o", check_hashes=True) == expected(
        photos
    )


def test_renamed_and_redistributed_tars_are_joined_by_key(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    moved = [replace(one, path=f"new/x{i % 3}.tar/{one.key}.jpg") for i, one in enumerate(photos)]
    write_originals(tmp_path / "o", [*moved, *originals(3, lambda i: (f"q{i}", f"new/extra.tar/q{i}.jpg"))])
    assert read_all(write_sidecar(tmp_path / "s", photos), tmp_path / "o", check_hashes=True) == expected(
        photos
    )


def test_files_agrees_with_tarfile_on_odd_archives(tmp_path: Path) -> None:
    """Folders, links, empty files, PAX and GNU names, a global header, blocks after the end."""
    for number, kind in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(
            path, "w", format=kind, pax_headers={"comment": "x"} if number == 2 else None
        ) as tar:
            for name in (
                "./a.jpg",
                "d/",
                "d/ü.jpg" if number else "d/u.jpg",
                "x" * 99,
                f"{'y' * 90}/{'z' * 60}",
                "e",
            ):
                info = tarfile.TarInfo(name.rstrip("/"))
                if name.endswith("/"):
                    info.type = tarfile.DIRTYPE
                    tar.addfile(info)
                    continue
                info.size, info.mtime = len(name) * 97 if name != "e" else 0, 3.5 if number == 2 else 3
                tar.addfile(info, io.BytesIO(bytes(info.size)))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
            tar.addfile(link)
        with tarfile.open(path) as tar:
            files = [(m.name.removeprefix("./"), m.offset_data, m.size) for m in tar if m.isreg()]
        assert [(m.name, m.offset, m.size) for m in files_of(path)] == files
        assert len(files) == 5


def test_files_of_an_archive_cut_anywhere(tmp_path: Path) -> None:
    """Behind a whole content the other members are simply missing; anywhere else it is an error."""
    path = tmp_path / "a.tar"
    data = archive({"a.jpg": bytes(4000), "b.jpg": bytes(4000)}, tarfile.USTAR_FORMAT)
    path.write_bytes(data)
    members = list(files_of(path))
    whole_until = [(0, 0), *((m.offset + m.size, m.offset + m.size + -m.size % 512) for m in members)]
    for length in (*range(0, whole_until[-1][1] + 1, 13), *(end for pair in whole_until for end in pair)):
        path.write_bytes(data[:length])
        held = [n for n, (content, padded) in enumerate(whole_until) if content <= length <= padded]
        if held:
            assert list(files_of(path)) == members[: held[0]]
        else:
            with pytest.raises(ShardFault, match=r"(?s)a\.tar.*truncated"):
                list(files_of(path))


def test_files_of_a_damaged_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    data = archive({"a.jpg": bytes(4000)}, tarfile.USTAR_FORMAT)
    for offset in range(1024, 1024 + 345, 5):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
        with pytest.raises(ShardFault, match=r"(?s)a\.tar.*byte 1024"):
            list(files_of(path))


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", [one for one in photos if one.key != "p006"])
    with pytest.raises(ShardFault, match=r"p006: part-1\.tar/p006\.jpg"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    for tar in (tmp_path / "o").glob("*.tar"):
        tar.rename(tar.with_name("x" + tar.name))
    with pytest.raises(ShardFault, match="p006 in 11 photos of 3 tars"):
        open_dataset(tmp_path / "s", photos=tmp_path / "o")


def test_a_cut_tar_of_originals_is_refused_at_opening(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos)
    shards = write_sidecar(tmp_path / "s", photos)
    path = tmp_path / "o" / "part-2.tar"
    whole = path.read_bytes()
    for length in np.random.default_rng(0).integers(0, len(whole) - 10_240, 20).tolist():
        os.truncate(path, length)
        with pytest.raises(ShardFault, match=r"part-2\.tar"):
            open_dataset(shards, photos=tmp_path / "o")
        path.write_bytes(whole)


@pytest.mark.parametrize("folder", ["empty", "other"])
def test_another_folder(tmp_path: Path, folder: str) -> None:
    photos = originals(6, in_tars)
    (tmp_path / "empty").mkdir()
    write_originals(tmp_path / "other", originals(6, lambda i: (f"q{i}", f"other.tar/q{i}.jpg")))
    with pytest.raises(ShardFault, match=r"originals"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be a folder"):
        open_dataset(write_sidecar(tmp_path / "s", originals(2, in_tars)), photos=tmp_path / "nowhere")


def test_two_photos_of_one_key(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    twice = [replace(one, path=f"{name}.tar/{one.key}.jpg") for one in photos for name in ("a", "b")]
    write_originals(tmp_path / "o", twice)
    with pytest.raises(ShardFault, match=r"two photos have one key: p000 in a\.tar and b\.tar"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/hostname", "t.tar/../x.jpg", "a//b.jpg", "."])
def test_a_path_that_leaves_the_folder(tmp_path: Path, path: str) -> None:
    one = Original("p", path, *photo(0))
    (tmp_path / "o").mkdir()
    (tmp_path / "secret.jpg").write_bytes(one.data)
    with pytest.raises(ShardFault, match="leaves the folder"):
        open_dataset(write_sidecar(tmp_path / "s", [one]), photos=tmp_path / "o")


def test_resized_originals_are_refused_at_opening(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    small = cv2.imencode(".jpg", np.zeros((20, 20, 3), np.uint8))[1].tobytes()
    write_originals(tmp_path / "o", [replace(one, data=small) for one in photos])
    with pytest.raises(ShardFault, match=r"(?s)p000 in part-0\.tar.*20x20 px"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")


def test_another_photo_of_the_same_size_is_found_with_check_hashes(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    other = cv2.imencode(".jpg", np.zeros((*photos[3].size, 3), np.uint8))[1].tobytes()
    write_originals(
        tmp_path / "o", [replace(one, data=other) if one.key == "p003" else one for one in photos]
    )
    shards = write_sidecar(tmp_path / "s", photos)
    open_dataset(shards, photos=tmp_path / "o")
    with pytest.raises(ShardFault, match=r"(?s)p003.*SHA-256"):
        open_dataset(shards, photos=tmp_path / "o", check_hashes=True)


def test_unfit_originals_are_refused_or_dropped(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    photos[4] = replace(photos[4], data=photo(4, exif=6)[0], verbatim=False)
    photos[11] = replace(photos[11], verbatim=False)
    write_originals(tmp_path / "o", photos)
    shards = write_sidecar(tmp_path / "s", photos)
    with pytest.raises(UsageError, match=r"(?s)2 of 12 originals.*p004, p011") as caught:
        open_dataset(shards, photos=tmp_path / "o")
    assert "unfit_photos" in caught.value.remedy
    kept = [one for one in photos if one.verbatim]
    assert read_all(shards, tmp_path / "o", unfit_photos="drop", check_hashes=True) == expected(kept)
    dropped = open_dataset(shards, photos=tmp_path / "o", unfit_photos="drop")
    assert (dropped.samples, [shard.first for shard in dropped.shards]) == (10, [0, 4, 9])
    assert dropped.fingerprint != open_dataset(shards).fingerprint
    assert len(dropped.order(0, 0)) == 10


def test_a_shard_of_unfit_originals_only(tmp_path: Path) -> None:
    photos = originals(15, in_tars)
    photos[5:10] = [replace(one, verbatim=False) for one in photos[5:10]]
    write_originals(tmp_path / "o", photos)
    shards, kept = write_sidecar(tmp_path / "s", photos), photos[:5] + photos[10:]
    for shuffle in ("global", "shards:1"):
        options = {"unfit_photos": "drop", "shuffle": shuffle}
        assert read_all(shards, tmp_path / "o", **options) == expected(kept)
        order = open_dataset(shards, photos=tmp_path / "o", **options).order(0, 0)  # type: ignore[arg-type]
        assert sorted(order[np.arange(10)].tolist()) == list(range(10))


def test_an_exif_turned_photo_in_place_of_an_upright_one_is_a_broken_sample(tmp_path: Path) -> None:
    """Its bytes were exchanged after the masks were made, in a place that opening does not look at."""
    photos = originals(6, in_tars)
    turned = replace(photos[2], data=photo(2, exif=6)[0])
    write_originals(tmp_path / "o", [turned if one.key == "p002" else one for one in photos])
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    reader = SampleReader(dataset, ("jpg",))
    with pytest.raises(BrokenSample, match=r"part-0\.tar at byte \d+") as caught:
        reader.take(np.arange(6), ("jpg",))
    assert "orientation 6" in caught.value.cause
    assert caught.value.sample == 2
    skipping = SampleReader(dataset, ("jpg",), on_error="skip")
    taken = skipping.take(np.arange(6), ("jpg",))
    assert 2 not in taken.samples
    assert skipping.skipped == 1


def test_photos_cut_or_gone_after_opening(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos)
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    os.truncate(tmp_path / "o" / "part-1.tar", 3000)
    (tmp_path / "o" / "part-2.tar").unlink()
    reader = SampleReader(dataset, ("jpg",), on_error="skip")
    taken = reader.take(np.arange(12), ("jpg",))
    by_key = expected(photos)
    for key, data in zip(reader.keys(taken.samples), taken.encoded["jpg"], strict=True):
        assert data.tobytes() == by_key[key]
    assert set(range(8, 12)) < set(reader.broken)
    assert not {0, 1, 2, 3} & set(reader.broken)


def test_sidecar_without_photos_still_gives_the_small_members(tmp_path: Path) -> None:
    dataset = open_dataset(write_sidecar(tmp_path / "s", originals(6, in_tars)))
    assert SampleReader(dataset).small(np.arange(6)).sat.shape == (6, 33, 33)
    with pytest.raises(UsageError, match="photos="):
        SampleReader(dataset, ("jpg",))


def test_photos_for_shards_that_hold_their_own(drawn: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hold their photos themselves"):
        open_dataset(drawn.path, photos=tmp_path)  # type: ignore[attr-defined]


def test_joined_data_set_travels_to_workers(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    write_originals(tmp_path / "o", photos)
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    reader = pickle.loads(pickle.dumps(SampleReader(dataset, ("jpg",))))
    assert reader.encoded(3, "jpg").tobytes() == photos[3].data


@pytest.mark.parametrize("dataset", ["webdataset", "folder", "imagenet"])
def test_shards_that_maskgen_run_made_from_the_originals(tmp_path: Path, dataset: str) -> None:
    """The paths in real tables lead back to the photos, for the sources whose photos lie in place."""
    if dataset == "webdataset":
        photos = originals(8, lambda i: (f"train_p{i}", f"t{i // 3}.tar/train/p{i}.jpg"))
    elif dataset == "folder":
        photos = originals(8, lambda i: (f"c{i % 2}_p{i}", f"c{i % 2}/p{i}.jpeg"))
    else:
        wnid = "n{:08d}".format
        photos = originals(
            8,
            lambda i: (
                f"{wnid(i // 3)}_{i}",
                f"ILSVRC2012_img_train.tar/{wnid(i // 3)}.tar/{wnid(i // 3)}_{i}.JPEG",
            ),
        )
    write_originals(tmp_path / "o", photos, tarfile.PAX_FORMAT)
    command = [sys.executable, "-c", "from maskgen.cli.app import main; main()", "run", "--dataset", dataset]
    places = ["--input", str(tmp_path / "o"), "--output", str(tmp_path / "s")]
    options = ["--method", "box", "--layout", "sidecar", "--shard-size", "3", "--workers", "1"]
    done = subprocess.run([*command, *places, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_all(tmp_path / "s", tmp_path / "o", check_hashes=True) == expected(photos)
