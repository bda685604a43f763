"""A cluster that cannot be reached is an error with a remedy; one that can is in `test_cluster`."""

from __future__ import annotations

import importlib.util
import socket
import sys
import time

import pytest

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.processes.ray_connection import connected


def connect(address: str) -> None:
    with connected(address, 1, lambda _: None):
        pass


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EnvironmentFault, match="needs the package ray") as caught:
        connect("auto")
    assert 'pip install "maskgen[ray]"' in str(caught.value)


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed")
def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(EnvironmentFault, match="the Ray cluster does not answer") as caught:
        connect(address)
    assert time.monotonic() - began < 10, "Ray itself takes minutes"
    assert address in str(caught.value)
    assert "RAY_AUTH_TOKEN" in str(caught.value)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EnvironmentFault, match="the Ray cluster does not answer"):
        connect("auto")


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed")
@pytest.mark.parametrize("address", ["head", "ray://head:10001", "head:", ":6379", "http://head:8265"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a Ray cluster"):
        connect(address)
