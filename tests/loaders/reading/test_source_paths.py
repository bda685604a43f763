"""Keys by path: however a program names the photo, and never another one's."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.reading.source_paths import SourcePaths
from maskgen.shards import naming, table

PATHS = ["animals/chelsea.jpg", "animals/big/chelsea.jpg", "sky/moon.png", "x.jpg", "sub/x.jpg", "ä/ü b.jpg"]


@pytest.fixture
def paths(tmp_path: Path) -> SourcePaths:
    """Two tables; the photo of the sky is in quarantine."""
    for number, part in enumerate((PATHS[:4], PATHS[4:])):
        rows = [
            {"key": naming.safe_key(path.rpartition(".")[0]), "path": path, "error": ""}
            | {"status": "failed" if "sky" in path else "ok"}
            for path in part
        ]
        (tmp_path / f"s{number}.parquet").write_bytes(table.render(rows))
    return SourcePaths(tmp_path, ["s0", "s1"])


@pytest.mark.parametrize(
    "above", ["", "photos/", "./photos/", "/data/my photos/", "/data/photos/animals/../", "//d/"]
)
def test_a_path_from_any_folder_above(paths: SourcePaths, above: str) -> None:
    assert paths.key_of(above + "animals/chelsea.jpg") == "animals_chelsea"
    assert paths.key_of(Path(above + "sky/moon.png")) == "sky_moon"
    assert paths.key_of(above + "ä/ü b.jpg") == naming.safe_key("ä/ü b")
    assert paths.key_of(above + "x.jpg") == "x"


def test_the_root_makes_a_path_exact(paths: SourcePaths) -> None:
    with pytest.raises(UsageError, match=r"end alike: /d/sub/x\.jpg: sub/x\.jpg or x\.jpg"):
        paths.key_of("/d/sub/x.jpg")
    assert paths.key_of("/d/sub/x.jpg", "/d") == "sub_x"
    assert paths.key_of("/d/sub/x.jpg", "/d/sub/") == "x"
    assert paths.key_of("photos/animals/big/chelsea.jpg", Path("photos")) == "animals_big_chelsea"
    with pytest.raises(KeyError):
        paths.key_of("/elsewhere/x.jpg", "/d")


@pytest.mark.parametrize(
    "path", ["chelsea.jpg", "big/chelsea.jpg", "animals/chelsea.png", "nimals/chelsea.jpg", "", "/"]
)
def test_a_path_that_no_table_names(paths: SourcePaths, path: str) -> None:
    with pytest.raises(KeyError):
        paths.key_of(path)


def test_no_tables_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        SourcePaths(tmp_path, []).key_of("x.jpg")
    (tmp_path / "s.parquet").write_bytes(b"damaged")
    with pytest.raises(ShardFault):
        SourcePaths(tmp_path, ["s"])
