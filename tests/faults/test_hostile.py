"""Fault 13: shards made to harm, as a source of photos and in place of our own: nothing escapes, nothing
runs.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import MakeSet

from maskgen.errors import MaskgenError, ShardFault, SourceFault
from maskgen.io.checksum import crc32c
from maskgen.loaders.dataset.open import open_dataset
from maskgen.pipelines.running import failures
from maskgen.shards import index, manifest, naming, sealed_json, table, tar
from maskgen.shards.plan import read_plan
from maskgen.shards.reader import read_samples
from maskgen.shards.record import FileFact, record_path
from maskgen.shards.verify import repair, verify

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

FIRST = "folder-train-000000"
Make = Callable[["Room"], bytes]


class Room:
    """A closed place: the input, the output, files that must stay as they are, and a canary that must not
    sing.
    """

    def __init__(self, place: Path, photo: bytes) -> None:
        self.photo = photo
        self.input, self.output = place / "room" / "input", place / "room" / "output"
        self.victim, self.canary = place / "victim.jpg", place / "canary"
        self.input.mkdir(parents=True)
        self.victim.write_bytes(photo)
        self._place = place
        self._before = self._outside()

    def _outside(self) -> dict[str, Any]:
        inside = {self.input, self.output}
        return {
            str(path): (
                path.lstat().st_mode,
                path.is_file() and (path.lstat().st_mtime_ns, path.read_bytes()),
            )
            for path in sorted(self._place.rglob("*"))
            if not inside & {path, *path.parents}
        }

    def stayed_closed(self) -> None:
        """Nothing outside the input and the output was made, changed or run."""
        assert not self.canary.exists()
        assert self._outside() == self._before

    def bomb(self) -> bytes:
        """A pickle that makes the canary when it is loaded."""
        return pickle.dumps(_Sings(str(self.canary)))


class _Sings:
    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self._path,)


@pytest.fixture
def room(tmp_path: Path, photos: Path) -> Iterator[Room]:
    place = Room(tmp_path, (photos / "a00.jpg").read_bytes())
    yield place
    place.stayed_closed()


def test_the_canary_sings(tmp_path: Path) -> None:
    """Control: the payload does what it should when somebody loads it."""
    place = Room(tmp_path, b"")
    pickle.loads(place.bomb())
    with pytest.raises(AssertionError):
        place.stayed_closed()


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A member as the standard library writes it."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % tar.BLOCK)


def pax(name: str, data: bytes, **records: str) -> bytes:
    """A member behind a PAX header with these records."""
    info = tarfile.TarInfo(name)
    info.size, info.pax_headers = len(data), dict(records)
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % tar.BLOCK)


def patched(block: bytes, at: int, value: bytes) -> bytes:
    """A header with other bytes at `at` and a checksum that fits."""
    raw = bytearray(block)
    raw[at : at + len(value)] = value
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[: tar.BLOCK])
    return bytes(raw)


def sized(size_field: bytes) -> Make:
    """A member whose header states this size."""
    return lambda room: (
        patched(member("evil.jpg"), 124, size_field.ljust(12, b"\0")) + member("tail.jpg", room.photo)
    )


def named(name: str) -> Make:
    return lambda room: member(name, room.photo)


def special(kind: bytes, link: str = "") -> Make:
    return lambda _: member("evil.jpg", kind=kind, link=link)


END = tar.END
LEFT_OUT = "1 tar member that is no file of a sample was left out"
REFUSED: dict[str, tuple[Make, str]] = {
    "dot-dot": (named("../evil.jpg"), "points outside"),
    "dot-dot-inside": (named("a/../../evil.jpg"), "points outside"),
    "absolute": (named("/tmp/evil.jpg"), "points outside"),
    "pax-dot-dot": (lambda room: pax("x.jpg", room.photo, path="../../evil.jpg"), "points outside"),
    "pax-zero-byte": (lambda room: pax("x.jpg", room.photo, path="a\0b.jpg"), "no usable name|malformed"),
    "gnu-dot-dot": (lambda room: member("../" + "e" * 200 + ".jpg", room.photo), "points outside"),
    "pax-overlong": (lambda room: pax("x.jpg", room.photo, path="e" * 5000 + ".jpg"), "no usable name"),
    "pax-too-large": (lambda room: pax("x.jpg", room.photo, comment="e" * (2 << 20)), "extension header of"),
    "pax-negative-size": (lambda room: pax("x.jpg", room.photo, size="-1"), "states the size"),
    "pax-huge-size": (lambda room: pax("x.jpg", room.photo, size="9" * 30), "states the size"),
    "pax-size-beyond-the-end": (lambda room: pax("x.jpg", room.photo, size="99999999"), "beyond the end"),
    "pax-chain": (lambda room: b"".join(pax_only() for _ in range(10_000)), "more than 8 extension headers"),
    "gnu-name-without-member": (
        lambda _: member("a" * 300)[: 2 * tar.BLOCK],
        "belongs to no member|truncated",
    ),
    "negative-size": (sized(b"\xff" * 12), "impossible size"),
    "base-256-huge": (sized(b"\x80" + b"\xff" * 11), "impossible size"),
    "base-256-wraps": (sized(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), "beyond the end|impossible size"),
    "octal-huge": (sized(b"77777777777\0"), "beyond the end"),
    "size-is-no-number": (sized(b"-0000000001"), "impossible size"),
    "wrong-checksum": (lambda room: b"evil" + member("x.jpg", room.photo)[4:], "checksum"),
    "same-name-twice": (lambda room: member("x.jpg", room.photo) * 2, "two members .jpg"),
    "same-key-later": (
        lambda room: member("x.jpg", room.photo) + member("y.jpg", room.photo) + member("x.jpg", room.photo),
        "two images have the key",
    ),
    "data-after-the-end": (lambda room: END + member("late.jpg", room.photo), "data after its end marker"),
    "no-member-at-all": (lambda _: b"", "holds no image"),
}
LET_THROUGH: dict[str, tuple[Make, str]] = {
    "symbolic-link": (special(tarfile.SYMTYPE, "/etc/passwd"), LEFT_OUT),
    "hard-link": (special(tarfile.LNKTYPE, "../../victim.jpg"), LEFT_OUT),
    "character-device": (special(tarfile.CHRTYPE), LEFT_OUT),
    "block-device": (special(tarfile.BLKTYPE), LEFT_OUT),
    "pipe": (special(tarfile.FIFOTYPE), LEFT_OUT),
    "sparse": (
        lambda room: pax("x.jpg", room.photo, **{"GNU.sparse.realsize": "1"}),
        "stored as a sparse file was left out; write the tar again without --sparse (first: evil.tar/x.jpg)",
    ),
    "link-then-file-below-it": (
        lambda room: member("d", kind=tarfile.SYMTYPE, link="../..") + member("d/victim.jpg", room.photo),
        LEFT_OUT,
    ),
    "pickles": (
        lambda room: b"".join(
            member(f"p.{ext}", room.bomb())
            for ext in ("pyd", "pkl", "pickle", "pth", "pt", "npy", "cbor", "mp")
        ),
        "without a jpg",
    ),
    "pickle-as-label": (
        lambda room: member("p.jpg", room.photo) + member("p.cls", room.bomb()),
        "no integer label",
    ),
    "deep-json": (
        lambda room: member("p.jpg", room.photo) + member("p.json", b"[" * 200_000),
        "no integer label",
    ),
    "endless-number": (
        lambda room: member("p.jpg", room.photo) + member("p.json", b'{"label": ' + b"9" * 100_000 + b"}"),
        "no integer label",
    ),
    "command-as-name": (named("pipe:touch canary|.jpg"), ""),
    "escape-codes": (named("\x1b[2J\n\rx.jpg"), ""),
    "pax-long-name": (lambda room: pax("x.jpg", room.photo, path="e" * 1000 + ".jpg"), ""),
    "gnu-long-name": (named("e" * 1000 + ".jpg"), ""),
}
QUARANTINED: dict[str, tuple[Make, str]] = {
    "pickle-as-photo": (lambda room: member("evil.jpg", room.bomb()), "format-not-allowed"),
    "archive-as-photo": (
        lambda room: member("evil.jpg", member("../x", room.photo) + END),
        "format-not-allowed",
    ),
    "svg-as-photo": (
        lambda _: member("evil.png", b'<svg><image href="file:///etc/passwd"/></svg>'),
        "format-not-allowed",
    ),
    "photo-too-large": (lambda _: member("evil.jpg", bytes((64 << 20) + 1)), "too-many-bytes"),
}


def pax_only() -> bytes:
    return pax("x", b"", comment="c")[: 2 * tar.BLOCK]


def run(room: Room, content: bytes, make_set: MakeSet, name: str = "evil.tar", **options: object) -> Any:
    (room.input / name).write_bytes(content)
    return make_set(room.output, dataset="webdataset", input=str(room.input), **options)


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_a_source(case: str, room: Room, make_set: MakeSet) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(SourceFault, match=reason) as caught:
        run(room, make(room) + END, make_set)
    assert "\x1b" not in str(caught.value)
    assert not list(room.output.rglob("*.tar"))


@pytest.mark.slow
@pytest.mark.parametrize("case", LET_THROUGH)
def test_harmless_as_a_source(case: str, room: Room, make_set: MakeSet) -> None:
    """What is no photo is left out with a note; an odd name becomes a plain key; the good neighbour is
    made.
    """
    make, note = LET_THROUGH[case]
    whole = run(room, make(room) + member("good.jpg", room.photo) + END, make_set).manifest
    assert whole.samples >= 1
    assert whole.failed == 0
    notes = read_plan(room.output).notes
    assert note in " ".join(notes)
    rows = table.read(room.output / "webdataset-train-000000.parquet").to_pylist()
    assert "good" in {row["key"] for row in rows}
    for row in rows:
        assert naming.KEY.match(row["key"])
        assert row["path"].isprintable()
    assert verify(room.output, "full").faults == ()


@pytest.mark.slow
@pytest.mark.parametrize("case", QUARANTINED)
def test_quarantined_as_a_source(case: str, room: Room, make_set: MakeSet) -> None:
    make, reason = QUARANTINED[case]
    whole = run(room, make(room) + member("good.jpg", room.photo) + END, make_set).manifest
    assert (whole.samples, whole.failed) == (1, 1)
    (failed,) = failures(room.output)
    assert failed["error"].startswith(reason)


@pytest.mark.slow
def test_a_tar_of_very_many_members(room: Room, make_set: MakeSet, full_faults: bool) -> None:
    empty = bytearray(member("k0000000.txt"))
    with (room.input / "evil.tar").open("wb") as file:
        for number in range(1_000_000 if full_faults else 100_000):
            empty[1:8] = b"%07d" % number
            file.write(patched(bytes(empty), 0, b""))
        file.write(member("good.jpg", room.photo) + END)
    whole = make_set(room.output, dataset="webdataset", input=str(room.input)).manifest
    assert whole.samples == 1


def gzip_of(*parts: tuple[bytes, int]) -> bytes:
    """A gzip file of many members: each part compressed once, repeated."""
    return b"".join(gzip.compress(data) * times for data, times in parts)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["zeros", "photo", "names"])
def test_gzip_bombs(where: str, room: Room, make_set: MakeSet, full_faults: bool) -> None:
    """A few megabytes that would be gigabytes: refused early."""
    times = 4000 if full_faults else 100
    zeros = bytes(16 << 20)
    size = b"\x80" + (times * len(zeros)).to_bytes(11, "big")
    content = {
        "zeros": gzip_of((zeros, times)),
        "photo": gzip_of(
            (patched(member("evil.jpg"), 124, size), 1), (zeros, times), (member("x.jpg") + END, 1)
        ),
        "names": gzip_of((member("e" * 90) * 1000, times * 20), (END, 1)),
    }[where]
    with pytest.raises(SourceFault, match=r"gzip-bomb|follow the end marker"):
        run(room, content, make_set, "evil.tar.gz")


# Our own format: everything forged, with hashes and seals that fit, as an attacker would.


def forge(output: Path, **contents: bytes) -> None:
    """Put other files in place of the first shard's, and make its record and the manifest fit."""
    path = record_path(output, FIRST)
    whole = manifest.read(output)
    record = whole.shards[0]
    for suffix, data in contents.items():
        (output / f"{FIRST}.{suffix}").write_bytes(data)
        fact = FileFact(len(data), hashlib.sha256(data).hexdigest())
        record = replace(record, files={**record.files, suffix: fact})
    path.write_bytes(record.render())
    (output / naming.MANIFEST).write_bytes(manifest.build(output).render())


def reseal(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = sealed_json.parse(path.read_bytes(), path.name)
    change(raw)
    path.write_bytes(sealed_json.render(raw))


@pytest.fixture
def ours(copy: Path, tmp_path: Path, photos: Path) -> Iterator[Path]:
    """A copy of the data set inside a room."""
    place = Room(tmp_path / "place", (photos / "a00.jpg").read_bytes())
    shutil.move(copy, place.output)
    yield place.output
    place.stayed_closed()


def read_everything(output: Path) -> None:
    """What a loader and a mask reader do."""
    data = open_dataset(output)
    for shard in data.shards:
        for row in range(len(shard.keys)):
            for ext in data.members:
                data.read(shard, row, ext)
    for record in data.manifest.shards:
        list(read_samples(output, record, data.members))


def first_header(clean: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return change(clean[: tar.BLOCK]) + clean[tar.BLOCK :]


TARS: dict[str, Callable[[bytes], bytes]] = {
    "dot-dot": lambda data: first_header(data, lambda h: patched(h, 0, b"../../x.jpg\0\0")),
    "absolute": lambda data: first_header(data, lambda h: patched(h, 0, b"/tmp/evil.jpg\0")),
    "prefix": lambda data: first_header(data, lambda h: patched(h, 345, b"../..")),
    "owner": lambda data: first_header(data, lambda h: patched(h, 100, b"0004777\0")),
    "negative-size": lambda data: first_header(data, lambda h: patched(h, 124, b"\xff" * 12)),
    "base-256-huge": lambda data: first_header(data, lambda h: patched(h, 124, b"\x80" + b"\xff" * 11)),
    "octal-huge": lambda data: first_header(data, lambda h: patched(h, 124, b"77777777777\0")),
    "no-number": lambda data: first_header(data, lambda h: patched(h, 124, b"-0000000001\0")),
    "wrong-checksum": lambda data: first_header(data, lambda h: h[:148] + b"0000000\0" + h[156:]),
    "second-name": lambda data: first_header(data, lambda h: patched(h, 0, b"a01.jpg\0")),
    "gzip": gzip.compress,
    "pickle": pickle.dumps,
    "empty": lambda _: b"",
    "only-the-end": lambda _: END,
    "twice": lambda data: data[: -len(END)] * 2 + END,
    "after-the-end": lambda data: data + data,
    "extra-pickle": lambda data: data[: -len(END)] + member("evil.pkl", b"x") + END,
    "pax-name": lambda data: pax("x.jpg", b"", path="../x.jpg") + data,
    "gnu-name": lambda data: member("e" * 300 + ".jpg") + data,
    **{
        f"type-{name}": lambda data, kind=kind: first_header(data, lambda h: patched(h, 156, kind))
        for name, kind in {
            "hard-link": b"1",
            "symbolic-link": b"2",
            "device": b"3",
            "block": b"4",
            "folder": b"5",
            "pipe": b"6",
            "contiguous": b"7",
            "old": b"\0",
            "pax": b"x",
            "global": b"g",
            "long": b"L",
            "sparse": b"S",
        }.items()
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TARS)
def test_a_forged_tar(case: str, ours: Path) -> None:
    content = TARS[case]((ours / f"{FIRST}.tar").read_bytes())
    if case not in ("only-the-end", "second-name", "extra-pickle"):  # for these the table is needed
        with pytest.raises(ShardFault):
            index.group(list(tar.walk(io.BytesIO(content), case)), case)
    forge(ours, tar=content)
    found = verify(ours, "full").faults
    assert FIRST in {fault.where for fault in found}
    with pytest.raises(MaskgenError):
        read_everything(ours)


@pytest.mark.slow
def test_our_walk_of_very_many_members(full_faults: bool) -> None:
    count = 1_000_000 if full_faults else 100_000
    data = b"".join(tar.header(f"k{number}.txt", 0) for number in range(count)) + END
    assert len(index.group(list(tar.walk(io.BytesIO(data), "many")), "many")) == count


INDEXES: dict[str, bytes] = {
    "endless-count": b"v1.2 " + b"9" * 10_000 + b"\n",
    "wrong-count": b"v1.2 7\n",
    "other-version": b"v9.9 0\n",
    "negative": b"v1.2 1\njpg -5 -5 a.jpg\n",
    "path": b"v1.2 1\njpg 512 5 ../a.jpg\n",
    "endless-number": b"v1.2 1\njpg " + b"9" * 10_000 + b" 5 a.jpg\n",
    "no-ascii": b"v1.2 1\njpg 512 5 \xff.jpg\n",
    "zero-bytes": bytes(1000),
    "long-line": b"v1.2 1\n" + b"jpg 512 5 a.jpg " * 100_000 + b"\n",
    "pickle": pickle.dumps(print),
    "empty": b"",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", INDEXES)
def test_a_forged_index(case: str, ours: Path) -> None:
    forge(ours, idx=INDEXES[case])
    assert verify(ours, "full").faults
    with pytest.raises(MaskgenError):
        read_everything(ours)


def parquet(columns: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(columns, sink)
    return sink.getvalue()


def edited(rows: list[dict[str, Any]], **values: object) -> bytes:
    return parquet(pa.Table.from_pylist([{**rows[0], **values}, *rows[1:]], schema=table.SCHEMA))


TABLES: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "no-table": lambda _: b"PAR1" + b"\xff" * 100 + b"PAR1",
    "endless-footer": lambda _: b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1",
    "empty": lambda _: b"",
    "other-columns": lambda rows: parquet(pa.table({"key": [row["key"] for row in rows]})),
    "no-rows": lambda _: parquet(table.SCHEMA.empty_table()),
    "many-rows": lambda _: parquet(pa.table({"key": pa.array(["k"]).take(pa.array([0] * 1_000_000))})),
    "negative-offset": lambda rows: edited(rows, jpg_offset=-512),
    "huge-offset": lambda rows: edited(rows, jpg_offset=2**62),
    "huge-size": lambda rows: edited(rows, jpg_size=2**62),
    "negative-size": lambda rows: edited(rows, jpg_size=-1),
    "no-offset": lambda rows: edited(rows, mask_png_offset=None),
    "no-ascii-key": lambda rows: edited(rows, key="k\u00e9"),
    "path-as-key": lambda rows: edited(rows, key="../../victim"),
    "same-key": lambda rows: edited(rows, key=rows[1]["key"]),
    "other-status": lambda rows: edited(rows, status="pipe:id"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TABLES)
def test_a_forged_table(case: str, ours: Path) -> None:
    rows = table.read(ours / f"{FIRST}.parquet").to_pylist()
    forge(ours, parquet=TABLES[case](rows))
    assert verify(ours, "full").faults
    with pytest.raises(MaskgenError):
        read_everything(ours)


def set_shard(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["shards"][0].update(values)


MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "dot-dot": set_shard(name="../../../victim"),
    "absolute": set_shard(name="/etc/passwd"),
    "number-as-name": set_shard(name=5),
    "no-name": set_shard(name=None),
    "negative-samples": set_shard(samples=-1),
    "huge-samples": set_shard(samples=10**30),
    "text-as-samples": set_shard(samples="5"),
    "half-a-sample": set_shard(samples=5.5),
    "true-samples": set_shard(samples=True),
    "text-as-size": set_shard(tar_bytes="x"),
    "no-hash": set_shard(tar_sha256=None),
    "shards-is-a-number": lambda raw: raw.update(shards=5),
    "shards-of-text": lambda raw: raw.update(shards=["x"]),
    "twice-the-same-shard": lambda raw: raw["shards"].append(raw["shards"][0]),
    "planned-is-text": lambda raw: raw["totals"].update(planned="many"),
    "members-lead-out": lambda raw: raw.update(members=["../x"]),
    "members-are-pickles": lambda raw: raw.update(members=["jpg", "pkl"]),
    "no-options": lambda raw: raw["identity"].pop("options"),
    "options-are-text": lambda raw: raw["identity"].update(options="x"),
    "identity-is-a-list": lambda raw: raw.update(identity=[]),
    "threshold-is-text": lambda raw: raw["identity"]["options"].update(threshold="x"),
    "other-format": lambda raw: raw.update(format=99),
    "format-is-a-list": lambda raw: raw.update(format=[1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("records", [True, False], ids=["folder", "copied-without-records"])
@pytest.mark.parametrize("case", MANIFESTS)
def test_a_forged_manifest(case: str, records: bool, ours: Path) -> None:
    reseal(ours / naming.MANIFEST, MANIFESTS[case])
    if not records:
        shutil.rmtree(ours / naming.RECORDS)
        (ours / naming.PLAN).unlink()
    assert verify(ours, "full").faults
    with pytest.raises(MaskgenError):
        read_everything(ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b"null",
        b"\xff\xfe{}",
        b'{"seal": 1e999}',
        b"{" + b'"a":' * 100_000,
        pickle.dumps(print),
    ],
    ids=["deep", "null", "utf-16", "infinite", "deep-keys", "pickle"],
)
@pytest.mark.parametrize("name", [naming.MANIFEST, naming.PLAN, f"{naming.RECORDS}/{FIRST}.json"])
def test_hostile_json(name: str, content: bytes, ours: Path) -> None:
    (ours / name).write_bytes(content)
    assert verify(ours, "full").faults


PLANS: dict[str, Callable[[dict[str, Any]], object]] = {
    "dot-dot": lambda raw: raw["shards"][0].__setitem__(0, "../../../victim"),
    "number-as-name": lambda raw: raw["shards"][0].__setitem__(0, 5),
    "short-rows": lambda raw: raw["shards"].__setitem__(0, ["x"]),
    "endless-images": lambda raw: raw["shards"][0].__setitem__(1, 10**30),
    "no-shards": lambda raw: raw.update(shards=[]),
    "more-shards": lambda raw: raw.update(shards=raw["shards"] * 3),
    "other-fields": lambda raw: raw.update(command="id"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PLANS)
def test_a_forged_plan(case: str, ours: Path, make_set: MakeSet, want: dict[str, str]) -> None:
    """It is found, it leads `--repair` nowhere outside, and the run goes by the source."""
    from photos import hashes

    reseal(ours / naming.PLAN, PLANS[case])
    assert verify(ours, "full").faults
    make_set(ours)
    assert hashes(ours) == want
    reseal(ours / naming.PLAN, PLANS[case])
    with contextlib.suppress(ShardFault):
        repair(ours)


def test_a_forged_record_cannot_withdraw_files_elsewhere(ours: Path) -> None:
    reseal(record_path(ours, FIRST), lambda raw: raw.update(name="../../victim"))
    assert verify(ours, "full").faults
    assert repair(ours) == [FIRST]


def test_a_forged_sample_in_a_sound_shard(ours: Path) -> None:
    """Its JSON states another size: found when the sample is decoded, without making that size."""
    for height in (-1, 0, 10**9, "x", None, 1.5):
        forge_json(ours, lambda facts, h=height: {**facts, "height": h})
        texts = [fault.text for fault in verify(ours, "full").faults if fault.where == FIRST]
        assert any("its JSON states" in text for text in texts), height


def forge_json(output: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write the first sample's JSON again, in its place when it fits, and make all hashes fit."""
    path = output / f"{FIRST}.tar"
    data = bytearray(path.read_bytes())
    place = next(m for m in tar.read_members(path) if m.name.endswith(".json"))
    facts = json.loads(data[place.offset : place.offset + place.size].rstrip())
    facts["source"] = facts["method"] = ""  # room for longer numbers
    text = json.dumps(change(facts), separators=(",", ":")).encode().ljust(place.size)
    assert len(text) == place.size
    data[place.offset : place.offset + place.size] = text
    rows = table.read(output / f"{FIRST}.parquet").to_pylist()
    next(row for row in rows if f"{row['key']}.json" == place.name)["json_crc32c"] = crc32c(text)
    forge(output, tar=bytes(data), parquet=table.render(rows))
