from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from challenge_kit import SETTINGS

from maskgen.challenge.shard_sets import config_of, encode, open_set, versions_of
from maskgen.io.images.stored import decode_mask
from maskgen.loaders import Dataset, open_dataset
from maskgen.shards import naming
from maskgen.shards.sample import SampleId
from maskgen.shards.verify import verify

SAMPLES = [SampleId(f"k{number}", number % 2, f"k{number}.jpg") for number in range(5)]


def test_masks_are_stored_bit_by_bit(drawn: Dataset) -> None:
    mask = np.random.default_rng(0).random((20, 20)) > 0.5
    encoded = encode(SAMPLES[1], np.zeros((20, 20, 3), np.uint8), mask, config_of(drawn, SETTINGS))
    assert (decode_mask(dict(encoded.members)[naming.MASK]) == np.where(mask, 255, 0)).all()
    assert dict(encoded.members)[naming.CLASS] == b"1"


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True])
def test_a_set_of_two_shards_is_sound_also_when_a_shard_was_there(
    twice: bool, drawn: Dataset, tmp_path: Path
) -> None:
    config = config_of(drawn, SETTINGS)
    facts = {"challenge": 1, "source": "abc", "versions": versions_of(config)}
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    for part in [0, 1] if not twice else [0, 0, 1]:
        found = open_set(tmp_path, "only_fg", [SAMPLES[:3], SAMPLES[3:]], config, facts)
        with found.writer(part) as writer:
            for sample, picture in list(zip(SAMPLES, pictures, strict=True))[3 * part : 3 + 3 * part]:
                encoded = encode(sample, picture, np.eye(16, dtype=np.bool_), config)
                writer.add(encoded, sample.label, "0" * 64)
            writer.commit()
    found.finish()
    assert verify(tmp_path / "shards" / "only_fg", "full").faults == ()
    assert open_dataset(found.folder).samples == 5
    identity = found.plan.identity
    assert identity["challenge"] == {"challenge": 1, "source": "abc", "variant": "only_fg"}
    assert identity["versions"]["numpy"] == np.__version__


def test_what_a_dead_process_left_is_cleared(drawn: Dataset, tmp_path: Path) -> None:
    config = config_of(drawn, SETTINGS)
    facts = {"versions": versions_of(config)}
    folder = open_set(tmp_path, "only_fg", [SAMPLES], config, facts).folder
    kept = folder / ".only_fg-val-000000.tar.kept"
    kept.write_bytes(b"half")
    open_set(tmp_path, "only_fg", [SAMPLES], config, facts)
    assert not kept.exists()
