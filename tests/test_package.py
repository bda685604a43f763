"""The package as others see it: what an import pulls in, what a wheel holds, which way imports point."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "nvidia", "zarr", "click", "numpy", "cv2", "pyarrow")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return set(done.stdout.split())


def test_importing_maskgen_pulls_nothing_heavy() -> None:
    pulled = modules_after("import maskgen")
    assert not pulled & set(HEAVY)
    assert {name for name in pulled if name.startswith("maskgen")} == {"maskgen", "maskgen.version"}


@pytest.mark.parametrize(
    "package", ["maskgen", "maskgen.challenge", "maskgen.loaders", "maskgen.pipelines", "maskgen.shards"]
)
def test_every_public_name_is_listed_and_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module)) <= {*module.__all__, "__version__"}
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(module, "nothing")  # noqa: B009 - the name is the point


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "unneeded"),
    [
        ("RunConfig", {"numpy", "cv2", "torch", "click", "pyarrow"}),
        ("RECIPES", {"torch", "nvidia", "cv2", "click"}),
        ("MaskReader", {"torch", "nvidia", "click"}),
        ("make_mask", {"torch", "nvidia", "click", "pyarrow"}),
        ("make_background", {"torch", "nvidia", "click", "pyarrow", "scipy"}),
        ("run", {"torch", "numpy", "click"}),
        ("verify", {"torch", "nvidia", "click"}),
    ],
)
def test_a_name_imports_only_what_it_needs(name: str, unneeded: set[str]) -> None:
    assert not modules_after(f"from maskgen import {name}") & unneeded


def test_the_command_line_pulls_no_array_library() -> None:
    pulled = modules_after("from maskgen.cli.app import cli; cli.main(['--help'], standalone_mode=False)")
    assert "click" in pulled
    assert not pulled & {"torch", "nvidia", "zarr", "numpy", "cv2", "pyarrow"}


@pytest.mark.slow
def test_mask_readers_need_no_torch_or_dali() -> None:
    assert not modules_after("import maskgen.loaders.reading.masks") & {"torch", "nvidia"}


@pytest.mark.slow
def test_training_free_methods_need_no_torch() -> None:
    loop = "for spec in METHODS.values():\n if spec.prior: spec.load_prior()"
    statement = f"from maskgen.methods import METHODS\n{loop}"
    assert not modules_after(statement) & {"torch", "nvidia"}


@pytest.mark.slow
def test_the_wheel_puts_one_name_into_site_packages(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split("\0")[:-1]:
        target = tmp_path / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target, follow_symlinks=False)
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "tree", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"maskgen"}
    for inside in ("loaders/__init__.py", "pipelines/running.py", "trainers/__init__.py", "py.typed"):
        assert f"maskgen/{inside}" in names


def test_no_machine_path_or_lock_of_hosts_is_tracked() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "uv.lock" not in tracked
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "://" not in lock
