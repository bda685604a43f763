"""What a suite knows of a command."""

from __future__ import annotations

import pytest
from suite_kit import toy

from maskgen.errors import UsageError


def test_an_option_is_found_by_each_of_its_spellings() -> None:
    command = toy("toy")
    assert [command.option(name, "") for name in ("lr", "lrs")] == ["lrs", "lrs"]
    assert command.knows("lrs")
    assert not command.knows("lr")
    with pytest.raises(UsageError, match="toy has no option 'thread'") as error:
        command.option("thread", "suite.toml")
    assert "did you mean 'threads'?" in str(error.value)
    with pytest.raises(UsageError, match="'seed' is not given here"):
        command.option("seed", "suite.toml")
