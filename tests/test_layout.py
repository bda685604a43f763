"""The house rules that can be checked: which way imports are written, and that the tests mirror the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "maskgen": "maskgen",
    "pipelines": "maskgen.pipelines",
    "loaders": "maskgen.loaders",
    "trainers": "maskgen.trainers",
}
"""The real folders, and the names they are imported by."""
APART = {"faults", "interop", "golden", "oracle", "benchmarks"}
"""Folders of tests that mirror no folder of the code."""


def modules() -> Iterator[Path]:
    """Every module of the code, relative to the root; links are not followed."""
    for folder in PACKAGES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if not any(parent.is_symlink() for parent in path.parents if parent.is_relative_to(ROOT)):
                yield relative


def dotted(path: Path) -> str:
    """The name a module is imported by."""
    parts = [PACKAGES[path.parts[0]], *path.with_suffix("").parts[1:]]
    return ".".join(parts).removesuffix(".__init__")


def home(name: str) -> str:
    """Which of the four packages a module belongs to."""
    inner = [package for package in PACKAGES.values() if f"{name}.".startswith(f"{package}.")]
    return max(inner, key=len)


MODULES = list(modules())


def test_there_are_modules_to_check() -> None:
    assert {path.parts[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_are_relative_inside_a_package_and_absolute_between_packages(path: Path) -> None:
    name = dotted(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        place = f"{path}:{node.lineno}"
        assert node.level <= 2, f"{place} goes up more than one level: write it as an absolute import"
        if node.level or not node.module:
            continue
        assert node.module.split(".")[0] not in ("loaders", "pipelines", "trainers"), (
            f"{place}: maskgen.{node.module}"
        )
        above = package.rpartition(".")[0]
        reach = {package, *([above] if home(above or name) == home(name) and package != home(name) else [])}
        inside = home(node.module) == home(name) if node.module.split(".")[0] == "maskgen" else False
        near = any(f"{node.module}.".startswith(f"{one}.") for one in reach)
        assert not (inside and near), f"{place}: {node.module} is near enough for a relative import"


def mirrored(path: Path) -> list[Path]:
    """The test files of a module: its name, alone or with a subject behind it, in the same folder of
    `tests`.
    """
    parts = path.parts[1:] if path.parts[0] == "maskgen" else path.parts
    folder, stem = ROOT / "tests" / Path(*parts[:-1]), path.stem.strip("_")
    return [*folder.glob(f"test_{stem}.py"), *folder.glob(f"test_{stem}_*.py")]


OWN = {
    "test_package.py",
    "test_layout.py",
    "test_docker.py",
    "test_docs.py",
    "test_examples.py",
    "test_experiments.py",
    "test_site.py",
}
"""Tests of the project as a whole."""


def test_every_module_has_its_test_file() -> None:
    needed = [path for path in MODULES if path.stem not in ("__init__", "__main__")]
    assert not [str(path) for path in needed if not mirrored(path)]


def test_every_test_file_has_its_module() -> None:
    found = {file for path in MODULES for file in mirrored(path)}
    files = {
        path for path in (ROOT / "tests").rglob("test_*.py") if path.relative_to(ROOT).parts[1] not in APART
    }
    assert not [str(p.relative_to(ROOT)) for p in files - found if p.name not in OWN]
