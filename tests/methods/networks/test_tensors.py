"""Files of tensors: one order of the metadata, and the library reads what it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from maskgen.methods.networks.tensors import sort_metadata


def test_equal_content_is_equal_bytes_which_the_library_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {"b": rng.random((3, 5)), "a": rng.integers(0, 9, 7).astype(np.int8), "ü": rng.random(0)}
    facts = {f"name {number}": "ä" * number for number in range(9)}
    made = [save(tensors, facts) for _ in range(8)]
    assert len(set(made)) > 1, "the library's own order is of chance"
    (data,) = {sort_metadata(one) for one in made}
    assert (8 + int.from_bytes(data[:8], "little")) % 8 == 0
    (tmp_path / "a.safetensors").write_bytes(data)
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        assert file.metadata() == facts
        assert {name: file.get_tensor(name).tolist() for name in file.keys()} == {  # noqa: SIM118 - it is no dict
            name: value.tolist() for name, value in tensors.items()
        }
