"""The documentation as a whole: it builds strictly, it lists what there is, and it keeps to one spelling."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maskgen.loaders import RECIPES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "changes").glob("*.md")),
]
EXPORTS = [
    "maskgen",
    "maskgen.challenge",
    "maskgen.export",
    "maskgen.loaders",
    "maskgen.pipelines",
    "maskgen.shards",
    "maskgen.trainers",
]
_STEMS = "normal|optim|binar|recogn|synchron|organ|initial|summar|visual|minim|maxim"
BRITISH = (
    r"\b\w*(?:colour|grey|neighbour|centre|behaviour|favour|licence|unlabelled|labelled|learnt|"
    rf"analys(?:e|ing)\b|(?:{_STEMS})is(?:e|ed|es|ing|ation))\w*"
)


@pytest.mark.slow
def test_the_site_is_built_and_lists_what_the_packages_export(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="`make docs` installs it")
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--quiet",
            "--strict",
            "--site-dir",
            str(tmp_path / "site"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    for package in EXPORTS:
        page = (tmp_path / "site/reference" / f"{package.rpartition('.')[2]}.html").read_text()
        listed = set(re.findall(rf'id="{re.escape(package)}\.(\w+)"', page))
        assert listed == set(getattr(importlib.import_module(package), "__all__", ())), package
    for page in sorted((tmp_path / "site").rglob("*.html")):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page.read_text())
        assert not loaded, f"{page.name} fetches {loaded}"


def test_every_recipe_of_the_page_exists() -> None:
    page = (ROOT / "docs/how-to/loader.md").read_text()
    table = page.partition("## Recipes")[2].partition("## Your own")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for cell in first for name in re.findall(r"`([\w-]+)`", cell)} == set(RECIPES)


def test_the_architecture_names_every_folder_and_file() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(
        r"^\| `((?:maskgen|pipelines|loaders|trainers)/[^`]*)` \| [^|]* \| ([^|]*) \|$", page, re.MULTILINE
    )
    listed = {folder: set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", files))) for folder, files in rows}
    there: dict[str, set[str]] = {}
    for top in ("maskgen", "pipelines", "loaders", "trainers"):
        for folder, _, files in os.walk(ROOT / top):  # links are not followed
            modules = {Path(file).stem for file in files if file.endswith(".py")}
            if modules:
                name = f"{Path(folder).relative_to(ROOT).as_posix()}/"
                there[name] = modules - {"__init__", "__main__"}
    assert listed == there


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_in_american_spelling(page: Path) -> None:
    """Names of options and values stand in code and are judged elsewhere."""
    prose = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", page.read_text(), flags=re.DOTALL)
    assert re.findall(BRITISH, prose, re.IGNORECASE) == []


def test_files_that_the_pages_name_exist() -> None:
    for name in ("CONTRIBUTING.md", "docs/architecture.md", "docs/release.md"):
        text = (ROOT / name).read_text()
        for path in re.findall(
            r"`((?:docs|tests|trainers|loaders|pipelines|maskgen|changes|benchmarks)/[\w./-]+)`", text
        ):
            if "/x" not in path and "test_x" not in path:
                assert (ROOT / path).exists(), f"{name} names {path}"
