"""Resuming with anything changed that shapes the bytes is refused, and the output stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from photos import hashes, make_photos

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.pipelines import resolve
from maskgen.pipelines.running import RunOptions, run

pytestmark = pytest.mark.faults

OTHER_OPTIONS = {
    "method": "rbd",
    "background": "telea",
    "shard_size": 7,
    "threshold": 0.4,
    "binary": True,
    "mask_side": 32,
    "short_side": 48,
    "layout": "sidecar",
    "background_quality": 80,
    "max_pixels": 5000,
    "limit": 11,
}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    source = make_photos(tmp_path / "photos", 12)
    values = {"dataset": "folder", "input": str(source), "output": str(tmp_path / "shards"), "method": "box"}
    given = {**values, "shard_size": 5, "max_failures": "100%", "workers": 1}
    run(make_config(given))
    return given


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_OPTIONS)
def test_a_changed_option_is_named(given: dict[str, object], name: str, tmp_path: Path) -> None:
    before = hashes(tmp_path / "shards")
    with pytest.raises(UsageError, match=rf"options\.{name}: ") as caught:
        run(make_config({**given, name: OTHER_OPTIONS[name]}))
    assert caught.value.exit_code == 2
    assert hashes(tmp_path / "shards") == before


@pytest.mark.slow
def test_a_changed_source_is_named_when_it_is_to_be_checked(given: dict[str, object], tmp_path: Path) -> None:
    before = hashes(tmp_path / "shards")
    photo = tmp_path / "photos" / "a05.jpg"
    content = photo.read_bytes()
    for change in (photo.unlink, lambda: photo.write_bytes(content + b"\0")):
        change()
        with pytest.raises(UsageError, match=r"source: .*first difference in shard folder-train-00000[01]"):
            run(make_config(given), RunOptions(recheck=True))
        photo.write_bytes(content)
    (tmp_path / "photos" / "zz.jpg").write_bytes(content)
    with pytest.raises(UsageError, match="15 images -> 16 images"):
        run(make_config(given), RunOptions(recheck=True))
    assert run(make_config(given)).manifest.planned == 15
    assert hashes(tmp_path / "shards") == before


@pytest.mark.slow
def test_another_tool_version_is_named(
    given: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = hashes(tmp_path / "shards")
    monkeypatch.setattr(resolve, "__version__", "0.0.9")
    with pytest.raises(UsageError, match=r"versions\.maskgen: '0\.1\.0' -> '0\.0\.9'"):
        run(make_config(given))
    assert hashes(tmp_path / "shards") == before


@pytest.mark.slow
def test_options_that_do_not_shape_the_bytes_may_change(given: dict[str, object], tmp_path: Path) -> None:
    before = hashes(tmp_path / "shards")
    run(make_config({**given, "workers": 2, "max_failures": "5", "image_timeout": 9.0}))
    assert hashes(tmp_path / "shards") == before


@pytest.mark.slow
def test_a_folder_with_foreign_shards_is_refused(given: dict[str, object], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "folder-train-000000.tar").write_bytes(b"precious")
    with pytest.raises(UsageError, match="holds shards but no plan"):
        run(make_config({**given, "output": str(folder)}))
    assert (folder / "folder-train-000000.tar").read_bytes() == b"precious"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "plan.json"])
def test_a_folder_with_a_foreign_manifest_or_plan_is_refused(
    given: dict[str, object], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text('{"precious": true}')
    with pytest.raises(UsageError, match="not this run's"):
        run(make_config({**given, "output": str(folder)}))
    assert (folder / name).read_text() == '{"precious": true}'


@pytest.mark.slow
def test_output_inside_input_is_refused(given: dict[str, object]) -> None:
    for output in (str(given["input"]), f"{given['input']}/shards"):
        with pytest.raises(UsageError, match="lies inside --input"):
            run(make_config({**given, "output": output}))
