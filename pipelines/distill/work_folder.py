"""The folder of one training: its settings, its store, and the records that say what is done."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import disk_errors, make_folder, sweep_partials, write_atomic
from maskgen.shards import sealed_json

from .store import MapStore, open_store

SETTINGS = "settings.json"
RECORDS = "records"
CHECKPOINTS = "checkpoints"
NETWORKS = "networks"
LOG = "log.jsonl"
REPORT = "report.html"
SHEET = "sheet.jpg"

Facts = dict[str, Any]


class WorkFolder:
    """One training's folder.

    Args:
        root: as given by the user.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def store(self) -> MapStore:
        """The arrays; opened, and made if need be, when first asked for."""
        return open_store(self.root)

    def begin(self) -> None:
        """Make the folders, and drop what killed writers have left.

        Raises:
            EnvironmentFault: no permission, or the disk is full, broken or read-only.
        """
        for folder in (self.root, self.root / RECORDS, self.root / CHECKPOINTS, self.root / NETWORKS):
            make_folder(folder)
            sweep_partials(folder)
        for path in (self.root / NETWORKS).glob("unfinished.*"):
            path.unlink(missing_ok=True)
        self.store.sweep()

    def record(self, name: str) -> Facts | None:
        """What was committed under a name, or None.

        Raises:
            ShardFault: the record is damaged.
        """
        path = self.root / RECORDS / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return sealed_json.read(path)
        except ShardFault as fault:
            raise ShardFault(
                "a record of the training is damaged",
                where=str(path),
                cause=fault.cause,
                remedy="remove this file: its step is then done again, with the same result",
            ) from fault

    def is_done(self, name: str) -> bool:
        """Whether the step or phase of a record is.

        Raises:
            ShardFault: the record is damaged.
        """
        record = self.record(name)
        return record is not None and bool(record["done"])

    def commit(self, name: str, facts: Facts) -> None:
        """Write a record; what it speaks of must be durable before.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        write_atomic(self.root / RECORDS / f"{name}.json", sealed_json.render(facts))

    def log(self, facts: Facts) -> None:
        """Append one line with the time; nothing depends on it.

        Raises:
            EnvironmentFault: the disk is full, broken or read-only.
        """
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}
        path = self.root / LOG
        with disk_errors(path), path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder: two trainings in one would overwrite each other's averages.

        Raises:
            UsageError: another process works in it.
        """
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    "another training works in this folder",
                    where=str(self.root),
                    remedy="wait for it, or choose another --output",
                ) from error
            except OSError:  # a file system without locks
                pass
            yield
        finally:
            os.close(descriptor)


def open_work_folder(root: Path) -> WorkFolder:
    """The training in a folder.

    Raises:
        UsageError: there is none.
    """
    if not (root / SETTINGS).is_file():
        raise UsageError(
            "no training is in this folder",
            where=str(root),
            remedy="begin one: maskgen distill (or deepusps run) --input PHOTOS --output FOLDER",
        )
    return WorkFolder(root)
