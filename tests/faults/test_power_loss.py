"""Fault 4: the machine loses power after any file operation of a run.

The operations of a real run are recorded. Each prefix of them is then turned into what a disk may hold
afterwards: content that was not synced is lost, cut or torn, and folder entries that were not synced have
happened in any subset (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014: nothing but fsync
orders anything).
"""

from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeSet
from photos import hashes

from maskgen.io import atomic
from maskgen.pipelines import planning
from maskgen.shards import commit, record

pytestmark = pytest.mark.faults

SEED = 20261122
LOG = "shards/run.log.jsonl"  # a log of times that no hash covers
DEAD_PID = 999_999_999  # above any pid_max: the processes of before the power loss are gone
BLOCK = 512


@dataclass
class Op:
    """One operation: write, truncate, sync (a file), link, move, unlink, mkdir, syncdir, or a mark of
    ours.
    """

    kind: str
    path: str = ""
    to: str = ""
    inode: int = 0
    at: int = 0
    data: bytes = b""


class Killed(BaseException):
    """Stands for kill -9: from here on the process does nothing more, not even cleaning up."""


@dataclass
class Recorder:
    """Records what happens below `root`; paths are kept relative to it.

    Once `kill_at` operations are recorded, each further one raises Killed instead.
    """

    root: Path
    ops: list[Op] = field(default_factory=list)
    kill_at: float = float("inf")
    held: list[int] = field(default_factory=list)  # open descriptors, so that no inode number is used again

    def _inside(self, path: Any) -> str | None:
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        return os.path.relpath(text, self.root) if Path(text).is_relative_to(self.root) else None

    def _step(self) -> None:
        if len(self.ops) >= self.kill_at:
            raise Killed

    def mark(self, kind: str, name: str) -> None:
        self.ops.append(Op(kind, name))

    def open(self, path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if self._inside(path) is None or "x" not in mode:
            return Path(path).open(mode, *args, **options)
        self._step()
        ops, step = self.ops, self._step

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                step()
                at = self.tell()
                count = super().write(data) or 0
                inode = os.fstat(self.fileno()).st_ino
                ops.append(Op("write", inode=inode, at=at, data=bytes(memoryview(data)[:count])))
                return count

            def truncate(self, size: int | None = None) -> int:
                step()
                size = super().truncate(size)
                ops.append(Op("truncate", inode=os.fstat(self.fileno()).st_ino, at=size))
                return size

        file = File(path, mode)
        self.held.append(os.dup(file.fileno()))
        ops.append(Op("link", to=str(self._inside(path)), inode=os.fstat(file.fileno()).st_ino))
        return file

    def fsync(self, descriptor: int) -> None:
        path = self._inside(Path(f"/proc/self/fd/{descriptor}").readlink())
        if path is not None:
            self._step()
            real_fsync(descriptor)
            kind = "syncdir" if os.path.isdir(self.root / path) else "sync"  # noqa: PTH112
            self.ops.append(Op(kind, path, inode=os.fstat(descriptor).st_ino))

    def entry(self, kind: str, real: Callable[..., None]) -> Callable[..., None]:
        """A stand-in for os.link, os.replace, os.unlink or os.mkdir."""

        def call(*paths: Any, **options: Any) -> None:
            inside = [self._inside(path) for path in paths[: 2 if kind in ("link", "move") else 1]]
            if None not in inside:
                self._step()
            real(*paths, **options)
            if None not in inside:
                source, to = (str(inside[0]), str(inside[-1]))
                inode = Path(paths[1]).stat().st_ino if kind in ("link", "move") else 0
                self.ops.append(Op(kind, source, to, inode))

        return call


real_fsync = os.fsync


@contextmanager
def recorded(root: Path) -> Iterator[Recorder]:
    """Everything that `run` does to files below `root`, with a mark at each promise that it makes."""
    recorder = Recorder(root)
    recorder.held = [os.open(path, os.O_RDONLY) for path in root.rglob("*") if path.is_file()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "open", recorder.open, raising=False)
        patch.setattr(os, "fsync", recorder.fsync)
        for name, kind in (("link", "link"), ("replace", "move"), ("unlink", "unlink"), ("mkdir", "mkdir")):
            patch.setattr(os, name, recorder.entry(kind, getattr(os, name)))
        _mark_promises(patch, recorder)
        yield recorder
    for descriptor in recorder.held:
        os.close(descriptor)


def _mark_promises(patch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    real_commit, real_withdraw = commit.ShardWriter.commit, commit.withdraw
    real_settle = planning.PlannedRun.settle

    def committed(writer: commit.ShardWriter) -> Any:
        result = real_commit(writer)
        recorder.mark("committed", result[0].name)
        return result

    def withdrawing(output: Path, name: str) -> None:
        recorder.mark("withdrawing", name)
        real_withdraw(output, name)

    def settled(run: planning.PlannedRun) -> Any:
        result = real_settle(run)
        recorder.mark("planned", "")
        return result

    patch.setattr(commit.ShardWriter, "commit", committed)
    patch.setattr(commit, "withdraw", withdrawing)
    patch.setattr(planning.PlannedRun, "settle", settled)


@dataclass
class Inode:
    """A file: what is on the disk for sure, and what the running system sees."""

    durable: bytes = b""
    now: bytes = b""

    def after_crash(self, draw: random.Random, how: str) -> bytes:
        if how == "none" or self.now == self.durable:
            return self.durable
        if how == "all":
            return self.now
        torn = bytearray(self.now)
        for start in range(0, len(torn), BLOCK):  # blocks that did not reach the disk read as zeros
            if draw.random() < 0.5 and torn[start : start + BLOCK] != self.durable[start : start + BLOCK]:
                torn[start : start + BLOCK] = bytes(len(torn[start : start + BLOCK]))
        cut = draw.choice([len(torn), draw.randint(0, len(torn))])
        return bytes(torn[:cut])


Change = tuple[str, str, int]  # set or drop, name, inode (-1: a folder)


@dataclass
class Disk:
    """A file system that keeps the promises of fsync and no other."""

    inodes: dict[int, Inode] = field(default_factory=dict)
    folders: dict[str, dict[str, int]] = field(default_factory=lambda: {".": {}})  # durable entries
    pending: dict[str, list[list[Change]]] = field(default_factory=dict)  # each list happens whole

    @classmethod
    def of(cls, root: Path) -> Disk:
        """A disk that holds a folder's present content durably."""
        disk = cls()
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            folder, base = os.path.split(name)
            if path.is_dir():
                disk.folders[name] = {}
            elif name != LOG:
                content = path.read_bytes()
                disk.inodes[path.stat().st_ino] = Inode(content, content)
            else:
                continue
            disk.folders[folder or "."][base] = -1 if path.is_dir() else path.stat().st_ino
        return disk

    def apply(self, op: Op) -> None:
        if op.kind in ("write", "truncate"):
            now = self.inodes[op.inode].now
            kept = now[: op.at].ljust(op.at, b"\0")
            rest = now[op.at + len(op.data) :] if op.kind == "write" else b""
            self.inodes[op.inode].now = kept + op.data + rest
        elif op.kind == "sync":
            self.inodes[op.inode].durable = self.inodes[op.inode].now
        elif op.kind == "syncdir":
            for change in self.pending.pop(op.path, []):
                self._settle(self.folders[op.path], change)
        elif op.kind in ("link", "move", "unlink", "mkdir"):
            self._entry(op)

    def _entry(self, op: Op) -> None:
        folder, name = os.path.split(op.path if op.kind in ("unlink", "mkdir") else op.to)
        changes: list[Change] = []
        if op.kind == "mkdir":
            self.folders.setdefault(op.path, {})
            changes = [("set", name, -1)]
        elif op.kind == "unlink":
            changes = [("drop", name, 0)]
        else:
            self.inodes.setdefault(op.inode, Inode())
            changes = [("set", name, op.inode)]
            if op.kind == "move":
                changes.append(("drop", os.path.basename(op.path), 0))  # noqa: PTH119
        self.pending.setdefault(folder or ".", []).append(changes)

    @staticmethod
    def _settle(entries: dict[str, int], changes: list[Change]) -> None:
        for what, name, inode in changes:
            if what == "set":
                entries[name] = inode
            else:
                entries.pop(name, None)

    def after_crash(self, draw: random.Random, how: str) -> dict[str, bytes | None]:
        """Files by path (None: a folder) as they may be after the power is back.

        Args:
            draw: decides what got through.
            how: none, all, or random: of what was not synced.
        """
        found: dict[str, bytes | None] = {}
        stack = ["."]
        while stack:
            folder = stack.pop()
            entries = dict(self.folders[folder])
            for changes in self.pending.get(folder, []):
                if how == "all" or (how == "random" and draw.random() < 0.5):
                    self._settle(entries, changes)
            for name, inode in entries.items():
                path = name if folder == "." else f"{folder}/{name}"
                if inode < 0:
                    stack.append(path)
                    found[path] = None
                else:
                    found[path] = self.inodes[inode].after_crash(draw, how)
        return found


State = dict[str, bytes | None]


def check(state: State, promised: set[str], *, planned: bool) -> None:
    """Every shard with a record is whole, every promise is kept, no file under a final name is torn."""
    present = set()
    for path, data in state.items():
        folder, name = os.path.split(path)
        if folder == "shards/records" and name.endswith(".json") and data is not None:
            facts = record.parse(data, name)  # raises when torn
            present.add(facts.name)
            for suffix, fact in facts.files.items():
                content = state.get(f"shards/{facts.name}.{suffix}")
                assert content is not None, f"{facts.name}.{suffix} is gone"
                assert hashlib.sha256(content).hexdigest() == fact.sha256, f"{facts.name}.{suffix} is torn"
    assert promised <= present, "a committed shard is gone"
    if planned:
        assert {"shards/plan.json", "shards/plan.table"} <= state.keys(), "the plan is gone"


def build(state: State, root: Path) -> Path:
    """Put a state on the real disk; the processes that wrote it are dead."""
    root.mkdir()
    for path, data in sorted(state.items(), key=lambda item: item[0].count("/")):
        target = root / path.replace(f"-{os.getpid()}-", f"-{DEAD_PID}-")
        if data is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(data)
    return root / "shards"


def fresh(root: Path, make_set: MakeSet) -> Callable[[], object]:
    """The first run of all."""
    return lambda: make_set(root / "shards")


def over_debris(root: Path, make_set: MakeSet) -> Callable[[], object]:
    """A run over what killed runs left: uncommitted files with other content, and with the same."""
    make_set(root / "shards")
    for name in ("folder-train-000000", "folder-train-000001", "folder-train-000004"):
        (root / "shards" / "records" / f"{name}.json").unlink()
    (root / "shards" / "folder-train-000000.tar").write_bytes(b"an attempt that met a full memory")
    (root / "shards" / "folder-train-000004.tar").write_bytes(b"an attempt that decoded more")
    return lambda: make_set(root / "shards")


def retry(root: Path, make_set: MakeSet) -> Callable[[], object]:
    """`--retry-failed`: shards are withdrawn and made again."""
    make_set(root / "shards")
    return lambda: make_set(root / "shards", retry_failed=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", [fresh, over_debris, retry])
def test_every_prefix_keeps_what_was_committed_and_resumes_to_the_same_bytes(
    scenario: Callable[[Path, MakeSet], Callable[[], object]],
    make_set: MakeSet,
    want: dict[str, str],
    tmp_path: Path,
    full_faults: bool,
) -> None:
    root = tmp_path / "recorded"
    root.mkdir()
    start = scenario(root, make_set)
    before = Disk.of(root)
    with recorded(root) as recorder:
        start()
    kinds = {op.kind for op in recorder.ops}
    assert {"write", "sync", "syncdir", "link", "move", "committed", "planned"} <= kinds
    replayed, draw = _copy(before), random.Random(SEED)
    for op in recorder.ops:
        replayed.apply(op)
    assert replayed.after_crash(draw, "all") == Disk.of(root).after_crash(draw, "all"), (
        "an operation was missed"
    )
    for number, (name, state) in enumerate(states(before, recorder.ops, draw, 8 if full_faults else 3)):
        if draw.random() < (0.5 if full_faults else 0.015):
            resumes(state, tmp_path / str(number), make_set, want, name)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_power_loss_in_the_resume_of_a_killed_run(
    make_set: MakeSet, want: dict[str, str], tmp_path: Path, full_faults: bool
) -> None:
    """What the killed run had not synced is still not on the disk, though the resumed one sees it."""
    draw = random.Random(SEED + 1)
    early = [1, 5, 6, 7, 8]  # the probe of the disk, then the making of the folders
    points = early + [draw.randrange(60 if number % 2 else 190) for number in range(56 if full_faults else 4)]
    for number, point in enumerate(points):
        root = tmp_path / f"killed{number}"
        root.mkdir()
        with recorded(root) as recorder:
            recorder.kill_at = point
            with pytest.raises(Killed):
                make_set(root / "shards")
            recorder.kill_at = float("inf")
            make_set(root / "shards")
        for case, (name, state) in enumerate(states(Disk(), recorder.ops, draw, rounds=1)):
            if draw.random() < (0.02 if full_faults else 0.004):
                resumes(state, tmp_path / f"{number}-{case}", make_set, want, name)


def resumes(state: State, root: Path, make_set: MakeSet, want: dict[str, str], name: str) -> None:
    """Running again ends with the bytes of an undisturbed run."""
    output = build(state, root)
    make_set(output)
    assert hashes(output) == want, f"{name}, seed {SEED}"


def _copy(disk: Disk) -> Disk:
    inodes = {number: Inode(inode.durable, inode.now) for number, inode in disk.inodes.items()}
    return Disk(inodes, {name: dict(entries) for name, entries in disk.folders.items()})


def states(before: Disk, ops: list[Op], draw: random.Random, rounds: int) -> Iterator[tuple[str, State]]:
    """What may be on the disk after each prefix, checked; `rounds` random ones beside none and all."""
    disk, planned = _copy(before), "shards/plan.json" in before.after_crash(draw, "all")
    promised = {name[:-5] for name in before.folders.get("shards/records", {})}
    for number in range(len(ops) + 1):
        for how in ("none", "all", *["random"] * rounds):
            state = disk.after_crash(draw, how)
            check(state, promised, planned=planned)
            yield f"{how} after {number} of {len(ops)}", state
        if number < len(ops):
            op = ops[number]
            planned |= op.kind == "planned"
            promised |= {op.path} if op.kind == "committed" else set()
            promised -= {op.path} if op.kind == "withdrawing" else set()
            disk.apply(op)


def test_the_model_sees_a_missing_sync(make_set: MakeSet, tmp_path: Path) -> None:
    """Control: the same run with every fsync of one kind taken away loses something in some prefix."""
    (tmp_path / "recorded").mkdir()
    with recorded(tmp_path / "recorded") as recorder:
        make_set(tmp_path / "recorded" / "shards")
    for kind in ("sync", "syncdir"):
        weaker = [op for op in recorder.ops if op.kind != kind]
        with pytest.raises((AssertionError, commit.ShardFault)):
            list(states(Disk(), weaker, random.Random(SEED), rounds=3))
