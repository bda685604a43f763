"""Advice on figures that were worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from maskgen.loaders import open_dataset
from maskgen.loaders.inspect.advice import advice, short_side
from maskgen.loaders.inspect.bench import LoaderRate
from maskgen.loaders.inspect.workload import Workload


def rates(cpu_ms: float, images_per_s: float) -> list[LoaderRate]:
    decode = LoaderRate("decode", "dali", 1000.0, 0.0, 2.0, 1.0)
    quick = LoaderRate("plain", "dali", 900.0, 900.0, 2.2, 0.9)
    slow = LoaderRate("mocov2", "dali", images_per_s, 2 * images_per_s, cpu_ms, images_per_s / 1000)
    ignored = LoaderRate("mocov2", "torch", 10.0, 20.0, 90.0, 0.01)
    return [decode, quick, slow, ignored]


def test_advice_by_hand(drawn: Any) -> None:
    """4 ms of two cores are 500 images/s; half the side is a quarter of the pixels, so 2 ms become 0.5 ms."""
    workload = Workload(dataset=open_dataset(drawn.path), batch_size=3, threads=2)
    said = advice(workload, rates(4.0, 500.0), 2, 200)
    assert said == ["mocov2: 4.00 ms of a core per image: a core feeds 250 images/s."]
    said = advice(workload, rates(4.0, 500.0), 2, 512)
    assert len(said) == 2
    assert "--short-side 256" in said[1]
    assert "about 1.6 times" in said[1]
    said = advice(workload, rates(4.0, 500.0), 8, 200)
    assert "--threads 8" in said[1]
    said = advice(workload, rates(4.0, 250.0), 2, 200)
    assert "Only 1.0 of 2 cores" in said[1]
    on_gpu = replace(workload, device="cuda")
    assert len(advice(on_gpu, rates(4.0, 250.0), 2, 512)) == 1


def test_the_short_side_is_the_photos_median(drawn: Any) -> None:
    sides = sorted(min(drawing.size) for drawing in drawn.drawings)
    middle = len(sides) // 2
    assert short_side(open_dataset(drawn.path)) == int((sides[middle] + sides[~middle]) / 2)
