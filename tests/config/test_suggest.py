"""What is proposed for a mistyped word."""

from __future__ import annotations

import pytest

from maskgen.config.suggest import closest, nearest


@pytest.mark.parametrize(
    ("given", "known", "words"),
    [
        ("verfy", ["status", "verify"], "did you mean 'verify'?"),
        ("VERIFY", ["status", "verify"], "did you mean 'verify'?"),
        ("RelicV2", ["RELICv2", "BYOL"], "did you mean 'RELICv2'?"),
        ("zzz", ["status", "verify"], "known: status, verify"),
        ("zzz", ["b", "a"], "known: a, b"),
    ],
)
def test_the_most_alike_is_proposed_and_all_when_none_is(given: str, known: list[str], words: str) -> None:
    assert nearest(given, known) == words


def test_gpu_means_cuda_and_not_the_cpu_that_it_resembles() -> None:
    assert nearest("gpu", ["cpu", "cuda"]) == "did you mean 'cuda'?"
    assert nearest("GPU", ("cpu", "cuda")) == "did you mean 'cuda'?"
    assert "cuda" not in nearest("gpu", ["group", "cpus"])


def test_no_name_is_closest_when_none_is_close() -> None:
    assert (closest("Verfy", ["status", "verify"]), closest("zzz", ["status", "verify"])) == ("verify", "")
