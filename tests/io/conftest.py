"""File systems that are not here, by the errors with which they answer."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.link` answers as on vfat; all other calls are those of the real file system."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
