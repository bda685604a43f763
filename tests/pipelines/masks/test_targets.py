"""What lies where a picture is to be written: replaced, or refused, also when it comes during the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskgen.config.run_config import make_config
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.images.encode import encode_mask_png
from maskgen.pipelines.masks.picture import Picture
from maskgen.pipelines.masks.stamp import Stamp
from maskgen.pipelines.masks.targets import check_target
from maskgen.pipelines.masks.task import Job, MaskTask
from maskgen.pipelines.resolve import resolve
from maskgen.types import ByteRef

PNG = encode_mask_png(np.zeros((4, 4), np.uint8), binary=False)


def test_only_what_was_made_by_the_same_settings_is_replaced(tmp_path: Path) -> None:
    target, settings = tmp_path / "a.png", {"method": "fast"}
    check_target(target, settings, overwrite=False)
    target.write_bytes(b"")
    check_target(target, settings, overwrite=False)
    target.write_bytes(Stamp(settings, "0" * 64).put_on(PNG))
    check_target(target, settings, overwrite=False)
    with pytest.raises(UsageError, match="was made with other settings"):
        check_target(target, {"method": "mr"}, overwrite=False)
    check_target(target, {"method": "mr"}, overwrite=True)
    target.write_bytes(PNG)
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="not made by maskgen mask"):
            check_target(target, settings, overwrite=overwrite)


@pytest.mark.parametrize("foreign", [True, False])
def test_what_another_command_writes_during_the_work_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "a.png")
    target = tmp_path / "out" / "a.png"
    target.parent.mkdir()
    values = {"dataset": "folder", "output": "x", "method": "box"}
    task = MaskTask(resolve(make_config(values)), Picture(), tmp_path, target.parent)
    other = PNG if foreign else Stamp({"method": "another"}, "0" * 64).put_on(PNG)
    render = MaskTask._render

    def meanwhile(self: MaskTask, data: bytes) -> bytes:
        target.write_bytes(other)
        return render(self, data)

    monkeypatch.setattr(MaskTask, "_render", meanwhile)
    job = Job(ByteRef("a.png", 0, (tmp_path / "a.png").stat().st_size), "a.png", "a.png")
    with pytest.raises(EnvironmentFault, match="another command has written here meanwhile"):
        task(job)
    assert target.read_bytes() == other
    assert [path.name for path in target.parent.iterdir()] == ["a.png"], "no unfinished file is left"
