"""What all tasks share: options read once, lists shown at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from maskgen.cli.eval_ssl import TASKS, load_task
from maskgen.cli.eval_ssl.probe import ProbeOptions
from maskgen.cli.eval_ssl.task import list_table, probe_config, show_result
from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_asks_for_an_encoder_in_the_same_words(name: str) -> None:
    shared = ("checkpoint", "backbone", "output", "device", "threads")
    options = [{one.name: one for one in load_task(task).params} for task in (name, "knn")]
    texts = [[getattr(one[option], "help", "") for option in shared] for one in options]
    assert texts[0] == texts[1]


def test_a_probe_is_asked_what_the_options_say() -> None:
    options = ProbeOptions(checkpoint="random", data="photos", output=Path("out"), side=32, device="cuda")
    config = probe_config(options, "the device", data=Path("other"))
    assert (config.checkpoint, config.side, config.device) == ("random", 32, "the device")
    assert (config.data, config.precision, config.interpolation) == (Path("other"), "bf16", "")


def test_tables_are_shown_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"top1": 0.25, "images": 3, "classes": {"cat": 1, "dog": {"small": 0.5}}}
    show_result(result, width=8)
    assert capsys.readouterr().out == "top1     0.2500\nimages   3\n"
    show_result(result, width=8, whole=True)
    assert capsys.readouterr().out.endswith("classes\n  cat    1\n  dog\n    small 0.5000\n")


def test_a_list_ends_the_command() -> None:
    command = click.Command("one")
    show = list_table("heads.protocols", "PROTOCOLS", lambda name, _value: name)
    with pytest.raises(click.exceptions.Exit):
        show(click.Context(command), True)


def test_a_value_out_of_range_is_refused_by_its_option(call_tool: Call, tmp_path: Path) -> None:
    words = ["--checkpoint", "random", "--output", str(tmp_path), "--data", str(tmp_path)]
    status, _, err = call_tool("eval-ssl", "knn", *words, "--share", "1.5")
    assert status == EXIT_USAGE
    assert "--share" in err
