from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskgen.challenge.folders import make_folders
from maskgen.challenge.output import PARTS, Output
from maskgen.challenge.pictures import Made
from maskgen.challenge.settings import Settings
from maskgen.io.atomic import make_folder
from maskgen.shards.sample import SampleId


def test_a_part_is_done_when_all_of_it_is_there(tmp_path: Path) -> None:
    samples = {number: SampleId(f"k{number}", 4, "") for number in range(3)}
    make_folder(tmp_path / PARTS)
    make_folders(tmp_path, ("original", "fg_mask"), {4: "04"})
    output = Output(tmp_path, samples, dict.fromkeys(samples, "04"), {}, Settings(write="folders"))
    made = [Made(n, np.eye(2, dtype=np.bool_), {"original": bytes([n])}, {}, "") for n in samples]

    def broken() -> object:
        yield made[0]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        output.write(7, broken())  # type: ignore[arg-type]
    assert not output.is_done(7)
    told: list[int] = []
    output.write(7, made, lambda: told.append(len(told)))
    assert output.is_done(7)
    assert told == [0, 1, 2]
    listed = [line.split("  ")[1] for line in (tmp_path / PARTS / "000007.sha256").read_text().splitlines()]
    assert listed == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/val/04/*") if path.is_file()
    )
    assert (tmp_path / "original" / "val" / "04" / "k2.png").read_bytes() == b"\x02"
