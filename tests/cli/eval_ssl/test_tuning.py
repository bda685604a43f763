"""Options that both trainings of whole networks have, and what they are to a protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.cli.eval_ssl.tuning import TuningOptions
from maskgen.errors import EXIT_USAGE
from maskgen.trainers.evaluations.fcn.protocols import find_fcn_protocol
from maskgen.trainers.evaluations.finetune.protocols import find_tuning_protocol

Call = Callable[..., tuple[int, str, str]]


def test_both_protocols_take_them_and_keep_their_own() -> None:
    given = TuningOptions(epochs=(3, 5), step_batch=7, weight_decay=0.0).changes
    for found in (find_fcn_protocol("moco", **given), find_tuning_protocol("transfer", **given)):
        assert (found.epochs, found.steps, found.batch_size, found.weight_decay) == ((3, 5), 0, 7, 0)
        assert sorted({trial.epochs for trial in found.trials()}) == [3, 5]
    assert find_fcn_protocol("moco", **TuningOptions().changes) == find_fcn_protocol("moco")
    assert find_tuning_protocol("swav-1", **TuningOptions().changes) == find_tuning_protocol("swav-1")


@pytest.mark.parametrize("task", ["fcn", "finetune"])
def test_both_commands_say_the_same_of_a_wrong_value(task: str, tmp_path: Path, call_tool: Call) -> None:
    given = ["--checkpoint", "random", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    for words in (["--epochs", "0"], ["--epochs", "2,x"], ["--step-batch", "0"], ["--weight-decay", "-1"]):
        status, _, err = call_tool("eval-ssl", task, *given, *words)
        assert status == EXIT_USAGE
        assert words[0] in err
