"""How long an object store may fail or be silent before a request is given up."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from maskgen.errors import UsageError

RETRY_S = "MASKGEN_STORE_RETRY_S"
TIMEOUT_S = "MASKGEN_STORE_TIMEOUT_S"
_DEFAULTS = {RETRY_S: 60.0, TIMEOUT_S: 20.0}
_BACKOFF = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2}
_UNLIMITED = 1_000_000  # the time limits the tries, not their number
_SLOWEST = 10  # a part that trickles in may take ten times as long as one may be silent
_SLOW_BYTES = 1 << 20  # a second, at which an upload is not slow yet


def retry_seconds() -> float:
    """How long a request is tried again.

    Raises:
        UsageError: MASKGEN_STORE_RETRY_S is no time.
    """
    return _seconds(RETRY_S)


def longest_wait_seconds() -> float:
    """How long a request may take that gets no answer: it is tried again, and the last try may be silent.

    Raises:
        UsageError: MASKGEN_STORE_RETRY_S or MASKGEN_STORE_TIMEOUT_S is no time.
    """
    return _seconds(RETRY_S) + _seconds(TIMEOUT_S)


def client_options(sent_bytes: int = 0) -> dict[str, Any]:
    """Options of obstore's client.

    While a body is being sent the store is silent, so the silence that is borne grows with the body.

    Args:
        sent_bytes: size of the largest body.

    Raises:
        UsageError: MASKGEN_STORE_TIMEOUT_S is no time.
    """
    silent_s = _seconds(TIMEOUT_S)
    sending_s = sent_bytes / _SLOW_BYTES
    return {
        "connect_timeout": timedelta(seconds=min(silent_s, 10)),
        "read_timeout": timedelta(seconds=silent_s + sending_s),
        "timeout": timedelta(seconds=silent_s * _SLOWEST + sending_s),
        "allow_http": True,
    }


def retry_options() -> dict[str, Any]:
    """What obstore does about requests that fail.

    Raises:
        UsageError: MASKGEN_STORE_RETRY_S is no time.
    """
    return {
        "max_retries": _UNLIMITED,
        "retry_timeout": timedelta(seconds=retry_seconds()),
        "backoff": _BACKOFF,
    }


def _seconds(name: str) -> float:
    """A time from the environment, s."""
    text = os.environ.get(name, "")
    try:
        value = float(text or _DEFAULTS[name])
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 86_400:
        raise UsageError(f"{name}={text} is no time", remedy="give seconds, from 0.001 to 86400")
    return value
