"""The version that shards name is that of the installed distribution."""

from __future__ import annotations

from importlib import metadata

import maskgen
from maskgen.version import __version__


def test_the_installed_distribution_has_this_version() -> None:
    assert metadata.version("maskgen") == __version__ == maskgen.__version__
