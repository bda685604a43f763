"""Groups of commands that are imported when they are called, and ended by a signal."""

from __future__ import annotations

import os
import signal

import click
import pytest
from click.testing import CliRunner

from maskgen.cli.groups import ListedGroup, StoppableGroup
from maskgen.errors import Interrupted
from maskgen.processes.signals import StopSignals


def make_group() -> tuple[click.Group, list[str]]:
    loaded: list[str] = []

    def load(name: str) -> click.Command:
        loaded.append(name)
        return click.Command(name, callback=lambda: click.echo(f"ran {name}"))

    sections = {"Methods": {"byol": "BYOL.", "swav": "SwAV."}, "Others": {"export": "Write."}}
    return ListedGroup(name="tool", sections=sections, load=load), loaded


def test_the_list_comes_from_the_table_and_loads_nothing() -> None:
    group, loaded = make_group()
    text = CliRunner().invoke(group, ["--help"]).output
    assert text.index("Methods:") < text.index("BYOL.") < text.index("Others:") < text.index("Write.")
    assert not loaded


def test_one_command_is_loaded_when_it_is_called() -> None:
    group, loaded = make_group()
    assert CliRunner().invoke(group, ["swav"]).output == "ran swav\n"
    assert loaded == ["swav"]


def test_a_mistaken_name_is_answered_with_the_nearest() -> None:
    group, loaded = make_group()
    result = CliRunner().invoke(group, ["swaw"])
    assert result.exit_code == 2
    assert "did you mean 'swav'?" in result.output
    assert not loaded


def test_a_signal_is_heard_while_a_command_runs_and_not_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    group = StoppableGroup(name="tool")

    @group.command()
    @click.pass_context
    def wait(context: click.Context) -> None:
        assert isinstance(context.obj, StopSignals)
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            signal.sigtimedwait([], 0.01)

    with pytest.raises(Interrupted):
        CliRunner().invoke(group, ["wait"], catch_exceptions=False)
    assert signal.getsignal(signal.SIGTERM) == before
