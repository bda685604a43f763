"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faulty_store import faulty_store  # noqa: F401 - a fixture
from object_stores import amazon, amazon_server  # noqa: F401 - fixtures

os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test takes weights from the user's folder, or fetches any by mistake: there is no place for them.
os.environ["MASKGEN_WEIGHTS"] = f"{os.devnull}/weights"
os.environ["MASKGEN_LISTINGS"] = "off"  # nor leaves listings there

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the repository; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the development data is not here ({SHARED_DATA.name} beside the repository)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight JPEGs of 64 to 96 px with a bright disc on a dark texture, one copy of another, two broken files.

    Small enough to learn from in seconds.
    """
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("discs")
    for number in range(8):
        rng = np.random.default_rng(number)
        height, width = (int(side) for side in rng.integers(64, 97, 2))
        photo = rng.integers(40, 90, (height, width, 3)).astype(np.uint8)
        cv2.circle(photo, (width // 2, height // 2), 14 + number, (30, 200, 240), -1)
        (folder / f"a{number}.jpg").write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
    (folder / "copy.jpg").write_bytes((folder / "a3.jpg").read_bytes())
    (folder / "html.jpg").write_bytes(b"<html>not a photo</html>")
    (folder / "torn.jpg").write_bytes((folder / "a1.jpg").read_bytes()[:700])
    return folder


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """54 crops of 48 px of three of scikit-image's photos, one folder for each, as labels."""
    import numpy as np
    import skimage.data
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos") / "classes"
    rng = np.random.default_rng(0)
    for name in ("astronaut", "cat", "coffee"):
        photo = getattr(skimage.data, name)()
        (folder / name).mkdir(parents=True)
        for number in range(18):
            y, x = rng.integers(0, (photo.shape[0] - 96, photo.shape[1] - 96))
            Image.fromarray(photo[y : y + 96 : 2, x : x + 96 : 2]).save(folder / name / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def shards(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those photos as labeled shards, made with the command line."""
    import subprocess
    import sys

    output = tmp_path_factory.mktemp("shards") / "shards"
    command = [
        sys.executable,
        "-m",
        "maskgen",
        "run",
        "--dataset",
        "folder",
        "--labels",
        "folder",
        "--method",
        "box",
    ]
    paths = ["--input", str(photo_folder), "--output", str(output), "--workers", "1", "--shard-size", "30"]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return output


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults=full` runs the fault tests with the figures of BENCHMARKS.md instead of their small form."""
    parser.addoption("--faults", choices=("small", "full"), default="small", help="size of the fault tests")


@pytest.fixture(scope="session")
def full_faults(request: pytest.FixtureRequest) -> bool:
    """Whether the fault tests run with their full figures."""
    return bool(request.config.getoption("--faults") == "full")
