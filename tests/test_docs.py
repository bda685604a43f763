"""Every code block of the README and the pages runs as it stands, and so does every example in a public
docstring.

Blocks of a page run in order in one folder that looks as a user's would: Python in one namespace, `sh` by a
shell. A block that cannot run says why in the line above it: ``<!-- not run: needs a GPU -->``. Its options
are checked all the same. The commands of the README are those that pip installed; those of the other pages
are forks of one process, which saves each of them its imports.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
import skimage
import yaml
from davis_kit import make_davis
from segmentation_kit import make_voc
from voc_kit import write_voc
from warm_kit import warm_commands

from maskgen.loaders import RECIPES, MaskReader, TorchLoader, open_dataset

os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "sh", "toml", "text", "json", "yaml"}
EXPORTS = [
    "maskgen",
    "maskgen.augment",
    "maskgen.challenge",
    "maskgen.export",
    "maskgen.loaders",
    "maskgen.pipelines",
    "maskgen.shards",
    "maskgen.trainers",
    "maskgen.trainers.losses",
]
COMMANDS = {
    "maskgen": "maskgen.cli.app:cli",
    "train-ssl": "maskgen.cli.train_ssl:train_cli",
    "eval-ssl": "maskgen.cli.eval_ssl:eval_cli",
}
CLASSES = {
    "animals": ("chelsea",),
    "people": ("astronaut",),
    "things": ("clock_motion", "coffee", "coins", "hubble_deep_field", "moon", "retina"),
    "vehicles": ("motorcycle_left", "rocket"),
}
INSTALLED = Path(sys.executable).parent
COLD = "README.md"
PHOTOS = 20
WEIGHTS = "u2netp.pth"

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # webdataset leaves tars to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in pycocotools
]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line it begins in, and why it is not run (or "")."""

    language: str
    text: str
    line: int
    excuse: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    pattern = r"^( *)(?:<!-- not run: ([^\n]+?) -->\n\1)?```(\w*)\n(.*?)^\1```$"
    found = []
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start(3)) + 1
        found.append(Block(match[3], inspect.cleandoc(match[4]), line, match[2] or ""))
    return found


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


BLOCKS = {named(page): blocks(page) for page in PAGES}
RUN = {name: [block for block in found if not block.excuse] for name, found in BLOCKS.items()}


# The folder of a user


def photo_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Twenty small photos as `class/name.jpg` and their bytes: ten photos of scikit-image, and a piece of
    each.
    """
    for label, names in CLASSES.items():
        for name in names:
            file = next(folder.glob(f"{name}.*"))
            photo = cv2.imread(str(file), cv2.IMREAD_COLOR)
            top, left = (side // 5 for side in photo.shape[:2])
            middle = photo[top:-top, left:-left]
            for path, piece in ((f"{label}/{name}.jpg", photo), (f"{label}/pieces/{name}.jpg", middle)):
                small = cv2.resize(piece, (144, 112), interpolation=cv2.INTER_AREA)
                yield path, cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def shell(script: str, folder: Path, commands: Path = INSTALLED) -> subprocess.CompletedProcess[str]:
    """The script as a user runs it, with the commands of a folder."""
    path = os.pathsep.join([str(commands), str(INSTALLED), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def fill(place: Path) -> None:
    """`photos`, and the same photos as ImageNet, as COCO and in tars; a VOC, a DAVIS; `shards`; masks and
    truths as pictures.
    """
    images, annotations = [], []
    (place / "originals").mkdir(parents=True)
    write_voc(place / "VOCdevkit", {"trainval": 30, "test": 15})
    make_voc(place / "segmentation")
    make_davis(place / "DAVIS", clips=("one",))
    for number, (path, data) in enumerate(photo_files(Path(skimage.__file__).parent / "data")):
        write(place / "photos" / path, data)
        wnid = ("n01440764", "n02123045")[number % 2]
        write(place / "imagenet" / ("train" if number < 14 else "val") / wnid / f"{wnid}_{number}.JPEG", data)
        write(place / "coco" / "val2017" / f"{number:012d}.jpg", data)
        images.append({"id": number, "file_name": f"{number:012d}.jpg", "height": 112, "width": 144})
        corners = [20, 20, 90, 20, 90, 80, 20, 80]
        box = {"bbox": [20, 20, 70, 60], "area": 4200, "iscrowd": 0, "segmentation": [corners]}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
        with tarfile.open(place / "originals" / f"part-{number // 7}.tar", "a") as archive:
            info = tarfile.TarInfo(f"photo{number:02d}.jpg")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    categories = [{"id": 1, "name": "thing"}]
    instances = {"images": images, "annotations": annotations, "categories": categories}
    write(place / "coco/annotations/instances_val2017.json", json.dumps(instances).encode())
    options = "--dataset folder --labels folder --input photos/ --output shards/ --shard-size 8 --method mr"
    made = shell(f"maskgen run {options}", place)
    assert made.returncode == 0, made.stderr
    for key, mask in (reader := MaskReader(place / "shards")):
        write(place / "maps" / f"{key}.png", cv2.imencode(".png", mask)[1].tobytes())
        truth = reader.hard(key).astype(np.uint8) * 255
        write(place / "truth" / f"{key}.png", cv2.imencode(".png", truth)[1].tobytes())


@pytest.fixture(scope="session")
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("user")
    fill(place)
    return place


@pytest.fixture
def here(user_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the user's folder, and the folder that everything runs in."""
    place = tmp_path / "here"
    shutil.copytree(user_folder, place)
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return place


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_commands(tmp_path_factory.mktemp("warm")) as names:
        yield names


def weights(place: Path) -> bool:
    """Whether U²-Net's checkpoint, which is not ours to ship, could be put beside the photos."""
    found = sorted((ROOT.parent / "shared/data/weights").rglob("u2netp*.pth"))
    for file in found[:1]:
        shutil.copy(file, place / WEIGHTS)
    return bool(found)


# What a page leaves behind, held against something else


def check_read(names: dict[str, Any]) -> None:
    """The masks that the page hands out are those of the shards, and move with their photos."""
    from pycocotools import mask as coco

    reader = MaskReader("shards")
    hard = reader.hard("animals_chelsea")
    assert (names["hard"] == hard).all()
    assert (names["tensor"].numpy() == reader["animals_chelsea"]).all()
    assert (coco.decode(coco.frPyObjects(names["coco"], *names["coco"]["size"])) == hard).all()
    for path, _ in names["data"].samples:  # photos that show their own masks
        mask = reader.hard(reader.key_of(path)).astype(np.uint8) * 255
        cv2.imwrite(path, cv2.merge([mask, mask, mask]))
    for photo, mask, label in names["data"]:
        assert ((photo[0] > 127) == (mask == 1)).float().mean() > 0.97
        assert label in range(len(CLASSES))
    side = MaskReader("masks")
    assert sum(1 for _ in names["photos"]) == len(side) == PHOTOS
    for sample in names["photos"]:
        assert (sample["mask"] == side[sample["__key__"]]).all()
    for row in names["rows"]:
        assert (np.asarray(row["mask.png"].convert("L")) == reader[row["__key__"]]).all()
    assert names["loader"].skipped == 0
    assert names["loader"].state_dict()["samples_done"] == PHOTOS


def check_loader(names: dict[str, Any]) -> None:
    """The page's own normalization is the loader's; what follows on a resumed loader is the data set's
    order.
    """
    import torch

    dataset = open_dataset("shards")
    batch = next(iter(TorchLoader(dataset, 3, recipe=names["mine"], seed=0)))
    assert [tuple(view.shape[2:]) for view in batch["views"]] == [(224, 224)] * 2 + [(96, 96)] * 2
    assert [mask is not None for mask in batch["masks"] or ()] == [True, True, False, False]
    assert {view.photometric.blur_p for view in names["stronger"].views} == {1.0}
    assert names["stronger"].views[0].background == RECIPES["swav-bg-rm"].views[0].background
    plain = next(iter(TorchLoader(dataset, 3, recipe=names["mine"], seed=0)))["views"][2]
    ready = next(iter(TorchLoader(dataset, 3, recipe=names["mine"], seed=0, output="float32")))["views"][2]
    assert torch.allclose(names["Normalize"]()(plain), ready, atol=1e-5)
    order = np.asarray(dataset.order(0, 0)[np.arange(PHOTOS)])
    assert names["first"]["sample"].tolist() == order[:4].tolist()
    assert [part.tolist() for part in names["rest"]] == [order[8:16].tolist()]


def check_export(names: dict[str, Any]) -> None:
    """The page's masks are those of the shards."""
    reader = MaskReader("shards")
    first = next(reader.keys())
    assert (names["mask"] == reader.hard(first)).all()
    assert (names["first"] == reader[first]).all()
    for key in reader.keys():  # noqa: SIM118 - a reader yields masks too
        path = Path("png", reader.record(key)["source"]).with_suffix(".png")
        assert (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == reader.hard(key) * 255).all()
    assert names["found"]["samples"] == PHOTOS


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "docs/how-to/export.md": check_export,
    "docs/how-to/read.md": check_read,
    "docs/how-to/loader.md": check_loader,
}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [name for name, found in RUN.items() if found])
def test_every_block_of_a_page_runs(name: str, here: Path, warm: Path) -> None:
    """What a page makes itself is not there before."""
    scripts = "\n".join(block.text for block in RUN[name] if block.language == "sh")
    for made in re.findall(r"--output (\S+)", scripts):
        shutil.rmtree(here / made, ignore_errors=True)
    skipped = "" if weights(here) else WEIGHTS
    names: dict[str, Any] = {"__name__": "page"}
    for block in RUN[name]:
        place = f"{name}:{block.line}"
        if skipped and skipped in block.text:
            continue
        if block.language == "sh":
            done = shell(block.text, here, INSTALLED if name == COLD else warm)
            assert done.returncode == 0, f"{place} ends with {done.returncode}\n{done.stdout}\n{done.stderr}"
        elif block.language == "python":
            exec(compile("\n" * (block.line) + block.text, place, "exec"), names)
    if name in CHECKS:
        CHECKS[name](names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    ["maskgen verfy", "maskgen verify shards 2>/dev/null", "cd photos; COLUMNS=60 train-ssl --help | cat"],
)
def test_a_warm_command_ends_and_says_what_the_installed_one_does(
    script: str, here: Path, warm: Path
) -> None:
    installed, forked = shell(script, here), shell(script, here, warm)
    assert installed.stdout + installed.stderr
    assert (forked.returncode, forked.stdout) == (installed.returncode, installed.stdout)
    assert forked.stderr == installed.stderr


@pytest.mark.parametrize("name", list(BLOCKS))
def test_every_block_names_its_language(name: str) -> None:
    wrong = [block.line for block in BLOCKS[name] if block.language not in LANGUAGES]
    assert not wrong, f"blocks of {name} in lines {wrong}: say which of {sorted(LANGUAGES)} they are"
    for block in BLOCKS[name]:
        if block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict)


def commands(script: str) -> Iterator[list[str]]:
    """The commands of ours in a script, as words."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] in COMMANDS:
            yield words


def found_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The click command that the words call, and the words after its name."""
    module, _, attribute = COMMANDS[words[0]].partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"{words[0]} has no command {rest[0]}"
        command, rest = inner, rest[1:]
    return command, rest


@pytest.mark.parametrize("name", [name for name, found in BLOCKS.items() if found != RUN[name]])
def test_options_of_blocks_that_are_not_run_exist(name: str) -> None:
    for block in BLOCKS[name]:
        for words in commands(block.text) if block.excuse and block.language == "sh" else ():
            command, rest = found_command(words)
            known = {option: p for p in command.params for option in (*p.opts, *p.secondary_opts)}
            for word, value in zip(rest, [*rest[1:], ""], strict=True):
                if word.startswith("--"):
                    assert word in known, f"{name}:{block.line}: {words[0]} does not know {word}"
                    kind = known[word].type
                    assert not isinstance(kind, click.Choice) or value in kind.choices, f"{word} {value}"


# Examples in docstrings


def exported(package: str) -> list[str]:
    return list(getattr(importlib.import_module(package), "__all__", ()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in EXPORTS for name in exported(package)]
)
def test_examples_of_public_names_run(package: str, name: str, request: pytest.FixtureRequest) -> None:
    value = getattr(importlib.import_module(package), name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    output = io.StringIO()
    module = sys.modules[value.__module__]
    for test in doctest.DocTestFinder().find(value, name, module=module, globs={}):
        if test.examples:
            request.getfixturevalue("here")
        runner.run(test, out=output.write)
    assert not runner.failures, output.getvalue()
