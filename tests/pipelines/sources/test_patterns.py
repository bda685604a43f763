"""Several files by one name: braces as bash expands them, wildcards as the folder has them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maskgen.errors import SourceFault, UsageError
from maskgen.pipelines.sources.patterns import expand_braces, pattern_files


@pytest.mark.parametrize(
    "pattern",
    [
        "a-{000..012}.tar",
        "a-{8..11}.tar",
        "{x,y}-{0..1}",
        "plain.tar",
        "a-{00..00}",
        "a-{099..101}-of-{2..3}",
    ],
)
def test_braces_name_what_they_name_in_bash(pattern: str) -> None:
    shell = subprocess.run(["bash", "-c", f"echo {pattern}"], capture_output=True, text=True, check=True)
    assert expand_braces(pattern) == shell.stdout.split()


@pytest.mark.parametrize("pattern", ["a-{0..9.tar", "a-0..9}.tar", "a-{9..0}.tar", "{0..999999}{0..9}"])
def test_what_names_nothing_or_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        expand_braces(pattern)


def test_every_name_in_braces_must_be_there(tmp_path: Path) -> None:
    for name in ("a-1.tar", "a-0.tar", "b.tar"):
        (tmp_path / name).touch()
    assert [path.name for path in pattern_files(tmp_path / "a-{0..1}.tar")] == ["a-0.tar", "a-1.tar"]
    assert [path.name for path in pattern_files(tmp_path / "{b,a-?}.tar")] == ["b.tar", "a-0.tar", "a-1.tar"]
    with pytest.raises(SourceFault, match=r"a-2\.tar"):
        pattern_files(tmp_path / "a-{0..3}.tar")
    with pytest.raises(SourceFault, match=r"no file is named c\*"):
        pattern_files(tmp_path / "c*")
