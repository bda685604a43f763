"""`maskgen report`."""

from __future__ import annotations

import html
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_store import FaultyStore

Call = Callable[..., tuple[int, str, str]]


def test_a_report_is_one_file_that_tells_what_is_in_quarantine(
    call: Call, data: Path, tmp_path: Path
) -> None:
    page = tmp_path / "new" / "report.html"
    status, out, err = call("report", data, "--output", page)
    assert (status, err) == (0, "")
    assert out.startswith(f"{page}: 4 masks, 4 drawn (")
    assert [one.name for one in page.parent.iterdir()] == ["report.html"]
    text = page.read_text()
    assert "p9.jpg" in text
    (failure,) = json.loads(call("status", data, "--json")[1])["failures"]
    assert f"<td>{html.escape(failure['error'])}</td>" in text
    assert "maskgen run --dataset folder --input INPUT --output OUTPUT --method box" in text


def test_what_cannot_be_reported_is_refused(call: Call, data: Path, tmp_path: Path) -> None:
    assert call("report", tmp_path / "nowhere")[0] == 2
    status, _, err = call("report", data, "--output", tmp_path / "report.pdf")
    assert (status, "does not end in .html" in err) == (2, True)
    (tmp_path / "empty").mkdir()
    status, _, err = call("report", tmp_path / "empty", "--output", tmp_path / "r.html")
    assert (status, "no PNG or JPEG file in this folder" in err) == (2, True)
    assert not (tmp_path / "r.html").exists()


def test_it_says_how_many_masks_are_without_their_photos(call: Call, data: Path, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "photos").mkdir()
    with tarfile.open(min(data.glob("*.tar"))) as tar:
        for name, folder in (("p0.mask.png", "maps"), ("p1.mask.png", "maps"), ("p0.jpg", "photos")):
            (tmp_path / folder / name.replace(".mask", "")).write_bytes(_content(tar, name))
    words = ("report", tmp_path / "maps", "--photos", tmp_path / "photos", "--output", tmp_path / "r.html")
    status, out, _ = call(*words)
    assert (status, "2 masks, 2 drawn, 1 without their photos (" in out) == (0, True)


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file
    return file.read()


def test_a_page_that_is_no_report_is_spared_and_a_report_is_made_anew(
    call: Call, data: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text("<title>mine</title>")
    status, _, err = call("report", data, "--output", page)
    assert (status, page.read_text()) == (2, "<title>mine</title>")
    assert "a file is in the way that is no report of maskgen" in err
    page.unlink()
    assert [call("report", data, "--output", page)[0] for _ in range(2)] == [0, 0]


def test_shards_at_an_address_give_the_same_page(
    call: Call, data: Path, faulty_store: FaultyStore, tmp_path: Path
) -> None:
    faulty_store.page = 3
    faulty_store.upload(data, "deep/shards")
    assert call("report", data, "--output", tmp_path / "near.html")[0] == 0
    assert call("report", "s3://bucket/deep/shards", "--output", tmp_path / "far.html")[0] == 0
    assert (tmp_path / "far.html").read_bytes() == (tmp_path / "near.html").read_bytes()


@pytest.mark.slow
def test_a_run_names_the_report_at_its_end(
    call: Call, data: Path, run_words: Callable[[Path], list[str]]
) -> None:
    status, out, err = call("run", *run_words(data.parent), "--shard-size", "3")
    assert status == 1
    assert f"maskgen report {data}" in out
    assert "maskgen report" not in err
    assert "maskgen report" not in call("run", *run_words(data.parent), "--shard-size", "3", "--json")[1]
