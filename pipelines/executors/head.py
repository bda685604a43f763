"""The head of a cluster: without it nodes work on, none can come, and Ray ends the driver after a minute."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from maskgen.errors import Interrupted

PATIENCE_S = 30.0
"""Silence until the head is given up; after 60 s Ray ends the process, without saying what to do."""
_CONNECT_S = 2.0


class Head:
    """Asked now and then whether it still answers.

    Args:
        address: HOST:PORT that it listens on.
        say: told when it begins to be silent, and when it is there again.
    """

    def __init__(self, address: str, say: Callable[[str], None]) -> None:
        self._address = address
        self._say = say
        self._silent_since: float | None = None

    @property
    def silent(self) -> bool:
        """Whether it did not answer when it was asked last: Ray's own calls would wait for it."""
        return self._silent_since is not None

    def answers(self, now: float) -> bool:
        """Whether it takes a connection.

        Args:
            now: seconds of any clock.

        Raises:
            Interrupted: it has not for `PATIENCE_S`.
        """
        host, _, port = self._address.rpartition(":")
        with contextlib.suppress(OSError):
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
            if self.silent:
                self._say("the head of the cluster answers again")
            self._silent_since = None
            return True
        if self._silent_since is None:
            self._silent_since = now
            self._say("the head of the cluster does not answer: nodes go on, and it is waited for")
        if now - self._silent_since >= PATIENCE_S:
            raise Interrupted(
                "the head of the Ray cluster is gone",
                where=self._address,
                cause=f"it has not answered for {PATIENCE_S:g} s",
                remedy="start the cluster again, then run the same command again to resume",
            )
        return False
