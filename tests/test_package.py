"""The package as others see it: what an import pulls in, what a wheel holds, which way imports point."""

from __future__ import annotations

import importlib
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from archive_kit import unpack

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


def checkout(target: Path) -> Path:
    """What git tracks, links as links."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split("\0")[:-1]:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name, follow_symlinks=False)
    return target


INSIDE = ("loaders/__init__.py", "pipelines/running.py", "trainers/__init__.py", "py.typed")


@pytest.mark.slow
def test_the_wheel_puts_one_name_into_site_packages(tmp_path: Path) -> None:
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    tree = checkout(tmp_path / "tree")
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    entries = zipfile.ZipFile(wheel).infolist()
    names = [entry.filename for entry in entries]
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"maskgen"}
    assert {f"maskgen/{inside}" for inside in INSIDE} <= set(names)
    assert not any(stat.S_ISLNK(entry.external_attr >> 16) for entry in entries)
    assert (
        "Root-Is-Purelib: true"
        in zipfile.ZipFile(wheel)
        .read(next(name for name in names if name.endswith(".dist-info/WHEEL")))
        .decode()
    ), "one wheel for every machine, and no compiler"


@pytest.mark.slow
def test_a_wheel_made_of_the_source_archive_is_the_same(tmp_path: Path) -> None:
    tree = checkout(tmp_path / "tree")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        assert not any(member.issym() or member.islnk() for member in source)
    unpack(archive, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    names = []
    for place in (tree, unpacked):
        code = f"from setuptools import build_meta; build_meta.build_wheel({str(place.parent)!r})"
        subprocess.run([sys.executable, "-c", code], cwd=place, check=True, capture_output=True)
        (wheel,) = place.parent.glob("*.whl")
        names.append({(one.filename, one.CRC) for one in zipfile.ZipFile(wheel).infolist()})
        wheel.unlink()
    differ = {name for name, _ in names[0] ^ names[1]}
    assert all(".dist-info/" in name for name in differ), sorted(differ)


@pytest.mark.slow
def test_a_clone_without_links_says_what_to_do(tmp_path: Path) -> None:
    """As git makes it where there are no symbolic links: text files with the links' targets."""
    tree = checkout(tmp_path / "tree")
    for name in ("loaders", "pipelines", "trainers"):
        link = tree / "maskgen" / name
        assert link.is_symlink()
        link.unlink()
        link.write_text(f"../{name}")
    for module in ("maskgen", "maskgen.loaders", "maskgen.cli.app"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            capture_output=True, text=True, check=False, cwd=tree, env={"PATH": "", "PYTHONPATH": str(tree)},
        )  # fmt: skip
        assert done.returncode == 1
        assert "ImportError: maskgen/loaders is a text file here" in done.stderr
        assert "git config core.symlinks true" in done.stderr


def test_no_machine_path_or_lock_of_hosts_is_tracked() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "uv.lock" not in tracked
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "://" not in lock
