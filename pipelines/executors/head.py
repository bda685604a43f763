"""The head of a cluster: without it nodes work on, none can come, and Ray ends the driver after a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskgen.errors import Interrupted

PATIENCE_S = 30.0
"""Silence until the head is given up; after 60 s Ray ends the process, without saying what to do."""
_ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of the cluster that is alive.

    Args:
        host: its name.
        cores: that Ray may give away there.
        gpus: likewise.
    """

    host: str
    cores: int
    gpus: int


def ask_ray() -> dict[str, Machine]:
    """The nodes that are alive, by their names in Ray.

    `ray.nodes` would hold a driver whose head has just died until Ray ends the process; this one has a limit.

    Raises:
        TimeoutError: the head has not answered.
    """
    from ray._private import worker
    from ray.exceptions import RpcError

    connection: Any = worker.global_worker  # its annotations lack the client
    try:
        found = connection.gcs_client.get_all_node_info(timeout=_ANSWER_S)
    except RpcError as error:
        raise TimeoutError(str(error)) from error
    return {
        name.hex(): Machine(
            node.node_manager_hostname,
            int(node.resources_total.get("CPU", 0)),
            int(node.resources_total.get("GPU", 0)),
        )
        for name, node in found.items()
        if node.state == node.ALIVE
    }


class Head:
    """Asked now and then which nodes there are.

    Args:
        address: HOST:PORT that it listens on.
        say: told when it begins to be silent, and when it is there again.
        ask: asks it; raises TimeoutError when it does not answer.
    """

    def __init__(
        self, address: str, say: Callable[[str], None], ask: Callable[[], dict[str, Machine]] = ask_ray
    ) -> None:
        self._address = address
        self._say = say
        self._ask = ask
        self._silent_since: float | None = None

    def nodes(self, now: float) -> dict[str, Machine] | None:
        """The nodes that are alive, by name; None: it does not answer.

        Args:
            now: seconds of any clock.

        Raises:
            Interrupted: it has not for `PATIENCE_S`.
        """
        try:
            nodes = self._ask()
        except TimeoutError:
            self._wait(now)
            return None
        if self._silent_since is not None:
            self._say("the head of the cluster answers again")
            self._silent_since = None
        return nodes

    def _wait(self, now: float) -> None:
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
