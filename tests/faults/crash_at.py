"""Commit one shard again and again, dying before or after the n-th file operation; prints what was found.

Run as a script with the scratch folder as its argument: it forks a child per crash point, so it must stay
free of threads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from photos import hashes

from maskgen.io import atomic
from maskgen.shards import commit, manifest, naming
from maskgen.shards.plan import Plan, PlannedShard
from maskgen.shards.record import parse
from maskgen.shards.sample import Encoded, SampleId

MEMBERS = ("jpg", "json")
NAME = "folder-train-000000"
IDENTITY = {"format": naming.FORMAT_VERSION, "options": {"threshold": 0.5}, "plan": "x"}
PLAN = Plan(IDENTITY, MEMBERS, 3, 0, (PlannedShard(NAME, 3, "d"),), ())


class CrashingOs:
    """The os module, counting its calls that change the disk, and dying at one of them."""

    COUNTED = ("link", "replace", "unlink", "fsync", "open", "close")

    def __init__(self, at: int, *, after: bool) -> None:
        self.count, self.at, self.after = 0, at, after

    def __getattr__(self, name: str) -> Any:
        value = getattr(os, name)
        return self.counted(value) if name in self.COUNTED else value

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at and not self.after:
                os._exit(9)
            result = call(*args, **options)
            if self.count == self.at and self.after:
                os._exit(9)
            return result

        return counting


def crash_in(at: int, *, after: bool) -> CrashingOs:
    """Put the crashing module and a crashing write into the commit protocol of this process."""
    crashing = CrashingOs(at, after=after)
    atomic.os = crashing  # type: ignore[attr-defined]
    commit.os = crashing  # type: ignore[attr-defined]
    write_some = atomic.PartialFile._write_some

    def torn_write(self: atomic.PartialFile, view: memoryview) -> int:
        half = crashing.counted(lambda: write_some(self, view[: max(1, len(view) // 2)]))
        return int(half())

    atomic.PartialFile._write_some = torn_write  # type: ignore[method-assign]
    return crashing


def commit_shard(output: Path) -> None:
    """One shard of two samples and a quarantined image, with its plan and manifest."""
    (output / naming.RECORDS).mkdir(parents=True, exist_ok=True)
    atomic.sweep_partials(output)
    atomic.sweep_partials(output / naming.RECORDS)
    if not (output / naming.RECORDS / f"{NAME}.json").exists():
        with commit.ShardWriter(output, NAME, MEMBERS, PLAN.fingerprint) as writer:
            for key in ("a", "b"):
                row = {"key": key, "path": f"{key}.jpg", "status": "ok", "error": ""}
                sample = Encoded(key, (("jpg", key.encode() * 3000), ("json", b"{}")), row)
                writer.add(sample, None, "0" * 64)
            writer.quarantine(SampleId("c", None, "c.jpg"), "truncated", None)
            writer.commit()
    manifest.write(output, PLAN)


def state(output: Path) -> str:
    """``absent``, ``whole`` or what is wrong with the shard as a reader finds it."""
    path = output / naming.RECORDS / f"{NAME}.json"
    if not path.exists():
        return "absent"
    record = parse(path.read_bytes(), path.name)
    found = {
        s: atomic.file_sha256(output / f"{NAME}.{s}")
        for s in record.files
        if (output / f"{NAME}.{s}").exists()
    }
    return "whole" if found == {s: fact.sha256 for s, fact in record.files.items()} else "torn"


def main(scratch: Path) -> None:
    """Crash at every operation, look, resume, compare."""
    commit_shard(scratch / "reference")
    want = hashes(scratch / "reference")
    counts = {"points": 0, "absent": 0, "whole": 0, "torn": 0, "resumed_equal": 0, "left_over": 0}
    for after in (False, True):
        for at in range(1, 200):
            output = scratch / f"{after}{at}"
            child = os.fork()
            if child == 0:
                crash_in(at, after=after)
                commit_shard(output)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) == 0:
                break  # fewer operations than that
            counts["points"] += 1
            counts[state(output)] += 1
            commit_shard(output)
            counts["resumed_equal"] += hashes(output) == want
            counts["left_over"] += len(list(output.rglob("*.partial")))
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
