from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import ShardFault
from maskgen.shards import index
from maskgen.shards.tar import Member

SAMPLES = [
    ("a-1", (Member("jpg", 512, 700), Member("mask.png", 2048, 10))),
    ("b_2", (Member("jpg", 3072, 0), Member("mask.png", 3584, 9))),
]


def test_the_text_is_dalis_format() -> None:
    assert index.render(SAMPLES) == (
        b"v1.2 2\njpg 512 700 a-1.jpg mask.png 2048 10 a-1.mask.png\njpg 3072 0 b_2.jpg mask.png 3584 9 "
        b"b_2.mask.png\n"
    )


def test_parse_inverts_render(tmp_path: Path) -> None:
    path = tmp_path / "x.idx"
    path.write_bytes(index.render(SAMPLES))
    assert index.parse(path) == SAMPLES


def test_every_truncation_is_found(tmp_path: Path) -> None:
    data = index.render(SAMPLES)
    path = tmp_path / "x.idx"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ShardFault):
            index.parse(path)


def test_group_joins_neighbours_and_refuses_repeats() -> None:
    members = [Member("a.jpg", 0, 1), Member("a.mask.png", 1, 1), Member("b.jpg", 2, 1)]
    grouped = index.group(members, "x")
    assert [(key, [part.name for part in parts]) for key, parts in grouped] == [
        ("a", ["jpg", "mask.png"]),
        ("b", ["jpg"]),
    ]
    with pytest.raises(ShardFault, match="twice"):
        index.group([*members, Member("a.json", 3, 1)], "x")


@pytest.mark.parametrize("name", ["a b.jpg", "../a.jpg", ".jpg", "a", "é.jpg"])
def test_group_refuses_names_outside_the_rule(name: str) -> None:
    with pytest.raises(ShardFault, match="key rule"):
        index.group([Member(name, 0, 1)], "x")
