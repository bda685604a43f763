from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from challenge_kit import DRAWINGS, SETTINGS, write_shards
from click.testing import CliRunner, Result

from maskgen.challenge.make import make_challenge
from maskgen.cli.app import cli
from maskgen.errors import UsageError
from maskgen.loaders import open_dataset


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["challenge-score", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.slow
def test_scores_are_printed_for_people_and_programs(tmp_path: Path) -> None:
    output, maps = tmp_path / "out", tmp_path / "maps"
    make_challenge(
        open_dataset(write_shards(tmp_path / "shards", DRAWINGS)),
        output,
        replace(SETTINGS, write="folders"),
        threads=1,
    )
    lines = ["variant,key,answer"]
    maps.mkdir()
    for one in DRAWINGS:
        lines += [
            f"mixed_same,{one.key},{one.label}",
            f"mixed_rand,{one.key},{one.label if one.number > 3 else 1}",
        ]
        np.save(maps / f"{one.key}.npy", np.ones((4, 4)))
    (tmp_path / "answers.csv").write_text("\n".join(lines))
    words = (output, "--answers", tmp_path / "answers.csv", "--maps", maps)
    assert call(*words).stdout.splitlines() == [
        "mixed_same               100.0%",
        "mixed_rand                75.0%",
        "BG-gap                     25.0 points",
        "delta saliency density    0.000 (12 maps)",
    ]
    found = json.loads(call(*words, "--json").stdout)
    assert found["accuracy"] == {"mixed_same": 1.0, "mixed_rand": 0.75}
    assert found["background_gap"] == 0.25
    with pytest.raises(UsageError, match="nothing to score"):
        call(output)
