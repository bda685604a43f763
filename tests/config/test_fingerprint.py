"""What a configuration's SHA-256 depends on, and how two configurations are told apart."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.config.fingerprint import differences, digest

PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
FLAT = st.dictionaries(st.text(max_size=3), PLAIN, max_size=5)


def test_the_digest_is_that_of_the_text_without_spaces_and_with_sorted_names() -> None:
    text = b'{"a":[1,true,null],"b":"\\u00e9"}'
    assert digest({"b": "é", "a": [1, True, None]}) == hashlib.sha256(text).hexdigest()


@pytest.mark.slow
@given(FLAT)
def test_the_order_of_names_does_not_count(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError):
        digest({"a": {1, 2}})


def test_differences_name_every_field_once() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 0}
    new = {"a": 1, "b": {"c": 2, "d": 4}, "new": 5}
    assert differences(old, new) == ["b.d: 3 -> 4", "gone: 0 -> None", "new: None -> 5"]


@pytest.mark.slow
@given(FLAT)
def test_equal_configurations_have_no_differences(value: dict[str, object]) -> None:
    assert differences(value, dict(value)) == []
