from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.shards import naming, tar


@given(st.text(max_size=300))
def test_any_name_becomes_a_key_that_fits_a_tar(name: str) -> None:
    key = naming.safe_key(name)
    assert naming.KEY.match(key)
    assert len(key) <= naming.MAX_KEY
    for ext in naming.MEMBERS:
        tar.header(f"{key}.{ext}", 0)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("n01440764_10026", "n01440764_10026"),
        ("000000000009", "000000000009"),
        ("a/b c.v1", "a_b_c_v1"),
        ("Zoë", "Zoe"),
    ],
)
def test_plain_names_stay_readable(name: str, key: str) -> None:
    assert naming.safe_key(name) == key


def test_long_and_empty_names_stay_apart() -> None:
    names = ["a" * 200, "a" * 199 + "b", "日本", "日木", "", "___"]
    keys = [naming.safe_key(name) for name in names]
    assert len(set(keys)) == len(names)


def test_repaired_keys_differ_by_path_and_fit() -> None:
    one, two = naming.repaired_key("k" * 90, "a/x.jpg"), naming.repaired_key("k" * 90, "b/x.jpg")
    assert one != two
    assert all(naming.KEY.match(key) and len(key) <= naming.MAX_KEY for key in (one, two))


def test_members_in_tar_order() -> None:
    whole = ("jpg", "mask.png", "bg.jpg", "json", "cls", "sat", "fg", "meta")
    assert naming.members(photo=True, background=True, classes=True) == whole
    lossless = naming.members(photo=True, background=True, classes=True, lossless=True)
    assert lossless == ("png", *whole[1:])
    assert naming.members(photo=False, background=False, classes=False) == (
        "mask.png",
        "json",
        "sat",
        "fg",
        "meta",
    )


@pytest.mark.parametrize("photo", [False, True])
def test_lean_samples_have_three_members_beside_the_photo(photo: bool) -> None:
    found = naming.members(photo=photo, background=True, classes=True, lean=True)
    assert found == (*(("jpg",) if photo else ()), "mask.png", "sat", "meta")


def test_every_format_is_written_by_one_kind_of_members_and_reads_what_it_writes() -> None:
    assert [naming.written_format(kind) for kind in ("full", "lean")] == [4, 5]
    for kind, lean in (("full", False), ("lean", True)):
        version = naming.written_format(kind)
        assert version in naming.READABLE
        assert set(naming.needed_members(version)) == set(
            naming.members(photo=False, background=False, classes=False, lean=lean)
        )
