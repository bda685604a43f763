"""How long a store may fail."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.io.storage import patience
from maskgen.io.storage.bucket import open_bucket


def test_the_times_are_a_minute_and_twenty_seconds_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("obstore", reason="object stores need obstore: pip install maskgen[cloud]")
    for name in (patience.RETRY_S, patience.TIMEOUT_S):
        monkeypatch.delenv(name, raising=False)
    client, retry = patience.client_options(), patience.retry_options()
    assert (retry["retry_timeout"].total_seconds(), client["read_timeout"].total_seconds()) == (60, 20)
    for name in (patience.RETRY_S, patience.TIMEOUT_S):
        for wrong in ("soon", "-1", "nan", "0", "1e9"):
            monkeypatch.setenv(name, wrong)
            with pytest.raises(UsageError, match=f"{name}={wrong}"):
                open_bucket("s3://photos").client()
        monkeypatch.delenv(name)


def test_who_sends_much_may_be_answered_late() -> None:
    assert patience.client_options(1 << 30)["read_timeout"].total_seconds() >= 1000
