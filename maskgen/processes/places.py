"""Room for processes: the devices of this machine, so many processes on each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .cores import usable_cores


@dataclass(frozen=True)
class Place:
    """Room for one command, which has a process for each device.

    Args:
        devices: ``cpu``, ``cuda`` or ``cuda:N``, all of one kind.
        threads: of each process's arithmetic; 0: as the environment says.
    """

    devices: tuple[str, ...]
    threads: int = 0

    @property
    def words(self) -> list[str]:
        """Options of the command."""
        return ["--device", self.devices[0].partition(":")[0]]

    @property
    def environment(self) -> dict[str, str]:
        """So that the command sees its GPUs only, and as many cores as are its own."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        given = [one for one in visible.split(",") if one]
        numbers = [number for one in self.devices if (number := one.partition(":")[2])]
        seen = [given[int(one)] if int(one) < len(given) else one for one in numbers]
        threads = {"OMP_NUM_THREADS": str(self.threads)} if self.threads else {}
        return threads | ({"CUDA_VISIBLE_DEVICES": ",".join(seen)} if seen else {})


class Room(Protocol):
    """Where commands may run."""

    def take(self, count: int) -> Place | None:
        """Room for a command with `count` processes; None: there is none now."""
        ...

    def give_back(self, place: Place) -> None:
        """The command has ended."""


class Machine:
    """Room for `jobs` processes on each device of this machine.

    Args:
        devices: ``cpu``, ``cuda`` or ``cuda:N``.
        jobs: from 1.

    Example:
        >>> from maskgen.processes.places import Machine
        >>> room = Machine(["cuda:0", "cuda:1"], jobs=2)
        >>> [room.take(count).devices for count in (1, 2)], room.take(2)
        ([('cuda:0',), ('cuda:1', 'cuda:0')], None)
    """

    def __init__(self, devices: Sequence[str], jobs: int) -> None:
        self._free = [device for _ in range(jobs) for device in devices]
        alone = len(self._free) == 1 or "OMP_NUM_THREADS" in os.environ
        self._threads = 0 if alone else max(1, usable_cores() // len(self._free))

    def take(self, count: int) -> Place | None:
        """See `Room.take`; the GPUs of one command differ."""
        chosen = list[str]()
        for device in self._free:
            if len(chosen) < count and (device == "cpu" or device not in chosen):
                chosen.append(device)
        if len(chosen) < count:
            return None
        for device in chosen:
            self._free.remove(device)
        return Place(tuple(chosen), self._threads)

    def give_back(self, place: Place) -> None:
        """See `Room.give_back`."""
        self._free += place.devices
