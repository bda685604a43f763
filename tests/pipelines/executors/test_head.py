"""The head of a cluster is waited for, and given up with a sentence before Ray gives up without one."""

from __future__ import annotations

import socket

import pytest

from maskgen.errors import Interrupted
from maskgen.pipelines.executors.head import PATIENCE_S, Head


def test_a_head_that_comes_back_is_waited_for_and_one_that_does_not_ends_the_run() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        head = Head(f"127.0.0.1:{port}", said.append)
        assert head.answers(0)
    assert not head.answers(1)
    assert not head.answers(PATIENCE_S)
    assert head.silent
    assert said == ["the head of the cluster does not answer: nodes go on, and it is waited for"]
    with socket.create_server(("127.0.0.1", port)):
        assert head.answers(2 * PATIENCE_S)
    assert said[1:] == ["the head of the cluster answers again"]
    assert not head.answers(3 * PATIENCE_S)
    with pytest.raises(Interrupted, match="head of the Ray cluster is gone") as caught:
        head.answers(4 * PATIENCE_S)
    assert caught.value.exit_code == 75
    assert "run the same command again" in caught.value.remedy
