"""The published settings."""

from __future__ import annotations

from maskgen.trainers.evaluations.davis.rules import RULES


def test_the_published_values() -> None:
    values = {name: (r.last, r.top, r.temperature, r.radius, r.short_side) for name, r in RULES.items()}
    assert values == {"dino": (7, 5, 0.1, 12, 480), "jabri": (20, 10, 0.05, 12, 0)}
