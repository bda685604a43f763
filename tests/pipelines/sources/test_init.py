"""The registry, the roots and the errors of a wrong input."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.config.run_config import DATASETS, RunConfig
from maskgen.errors import SourceFault, UsageError
from maskgen.pipelines.sources import SOURCES, open_source, source_root


def config(dataset: str, place: Path | str) -> RunConfig:
    return RunConfig(dataset=dataset, input=str(place), output="out")


def test_every_data_set_of_the_configuration_has_its_source() -> None:
    assert tuple(SOURCES) == DATASETS


@pytest.mark.parametrize("dataset", [name for name in DATASETS if name != "sample"])
@pytest.mark.parametrize("place", ["", "absent", "pipe:cat x", "a*b"])
def test_no_such_input(dataset: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    where = tmp_path / "gone" / place if place == "a*b" else place
    for use in (open_source, source_root):
        with pytest.raises(UsageError, match="input"):
            use(config(dataset, where))


def test_roots(tmp_path: Path) -> None:
    (tmp_path / "x.tar").touch()
    assert source_root(config("webdataset", tmp_path)) == tmp_path
    assert source_root(config("webdataset", tmp_path / "x.tar")) == tmp_path
    assert source_root(config("jft", tmp_path / "x-*")) == tmp_path
    assert source_root(config("sample", "")).parts[-3:] == ("maskgen", "release", "photos")


def test_an_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="imagenet, coco, jft"):
        open_source(config("cifar", tmp_path))


def test_opening_reads_nothing(tmp_path: Path) -> None:
    for dataset in DATASETS:
        source = open_source(config(dataset, tmp_path))
        assert source.names_are_keys == (dataset == "webdataset")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [("webdataset", "b.tar"), ("jft", "b.record"), ("jft", "x-00001-of-00002"), ("imagenet", "n00000002")],
)
def test_a_part_that_is_a_broken_link_is_an_error(dataset: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("absent")
    with pytest.raises(SourceFault, match=name):
        list(open_source(config(dataset, tmp_path)).items())
