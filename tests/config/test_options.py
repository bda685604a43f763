"""Fields that are options: their checks, and their reading from text and files."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskgen.config import options
from maskgen.config.bounds import above, between
from maskgen.config.options import NewFolder, PathRule, option, options_of
from maskgen.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Example:
    """One option of every kind."""

    name: str = option(MISSING, "A name.")
    device: str = option("cpu", "Where.", choices=("cpu", "cuda"), group="machine", result=False)
    count: int = option(3, "How many.", bounds=between(1, 9), unit="px")
    rate: float = option(0.5, "How much.", bounds=above(0, 1))
    share: float | None = option(None, "None for the paper's.", bounds=between(0, 1))
    fast: bool = option(False, "Whether.")
    steps: tuple[int, ...] = option((), "When.")
    priors: tuple[str, ...] = option(("mc",), "Which.", choices=("mc", "mr"))
    output: NewFolder | None = option(None, "Where to.")
    plain: int = 7
    made: list[int] = field(default_factory=list)


KNOWN = options_of(Example)


def test_only_declared_fields_are_options_and_each_knows_its_field() -> None:
    assert list(KNOWN) == ["name", "device", "count", "rate", "share", "fast", "steps", "priors", "output"]
    assert (KNOWN["name"].required, KNOWN["name"].default) == (True, None)
    assert (KNOWN["count"].required, KNOWN["count"].default, KNOWN["count"].item) == (False, 3, int)
    assert (KNOWN["share"].optional, KNOWN["share"].item, KNOWN["fast"].optional) == (True, float, False)
    assert (KNOWN["steps"].many, KNOWN["steps"].item) == (True, int)
    assert (KNOWN["output"].item, KNOWN["output"].optional) == (Path, True)
    assert KNOWN["output"].marks == (PathRule(file=False),)
    assert (KNOWN["device"].group, KNOWN["device"].result, KNOWN["device"].flag) == (
        "machine",
        False,
        "--device",
    )


def test_a_field_made_by_option_is_an_ordinary_field() -> None:
    assert Example(name="a") == Example(name="a", count=3, priors=("mc",))
    with pytest.raises(TypeError, match="name"):
        Example()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", " as it is ", "as it is"),
        ("device", "cuda", "cuda"),
        ("count", "9", 9),
        ("rate", "1e-3", 0.001),
        ("share", "none", None),
        ("share", "None", None),
        ("share", "0", 0.0),
        ("fast", "Yes", True),
        ("fast", "0", False),
        ("steps", "60, 80", (60, 80)),
        ("steps", "", ()),
        ("priors", "mr,mc", ("mr", "mc")),
        ("output", "a/b", Path("a/b")),
        ("output", "none", None),
    ],
)
def test_texts_are_read_by_the_type_of_the_field(name: str, text: str, value: Any) -> None:
    found = KNOWN[name].parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("device", "gpu", "device got 'gpu'\n  Next: did you mean 'cuda'?"),
        ("count", "ten", "count takes a whole number, got 'ten'"),
        ("count", "1.5", "count takes a whole number, got '1.5'"),
        ("count", "0", "count must be from 1 to 9 px, got 0"),
        ("rate", "0", "rate must be above 0 and up to 1, got 0.0"),
        ("rate", "nan", "rate must be above 0 and up to 1, got nan"),
        ("rate", "none", "rate takes a number, got 'none'"),
        ("share", "x", "share takes a number or none, got 'x'"),
        ("share", "1.01", "share must be from 0 to 1, got 1.01"),
        ("fast", "perhaps", "fast takes true or false, got 'perhaps'"),
        ("steps", "1,b", "steps takes whole numbers such as 60,80, got '1,b'"),
        ("steps", "1,-2", "steps must be at least 0, got -2"),
        ("priors", "mc,mrr", "priors got 'mrr'\n  Next: did you mean 'mr'?"),
    ],
)
def test_texts_that_are_no_value_are_answered_with_what_would_be(name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError) as refusal:
        KNOWN[name].parse(text)
    assert str(refusal.value).rstrip(".") == words.rstrip(".")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 1),
        ("name", None),
        ("count", 2.0),
        ("count", True),
        ("count", "3"),
        ("rate", True),
        ("rate", math.inf),
        ("fast", 1),
        ("steps", [1]),
        ("steps", (1.0,)),
        ("steps", 1),
        ("share", "none"),
        ("output", "a"),
    ],
)
def test_values_of_another_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"^--x (takes|must)"):
        KNOWN[name].check(value, "--x")


def test_a_whole_number_is_a_number_and_none_a_value_where_it_says_so() -> None:
    KNOWN["rate"].check(1)
    KNOWN["share"].check(None)
    KNOWN["output"].check(Path("a"))


@given(st.integers(1, 9))
def test_what_is_printed_is_read_again(count: int) -> None:
    assert KNOWN["count"].parse(str(count)) == count


def test_names_are_found_with_dashes_and_mistakes_answered() -> None:
    known = {"batch_size": KNOWN["count"]}
    assert options.known_name("batch-size", known) == "batch_size"
    with pytest.raises(UsageError, match=r"unknown setting 'bach'(.|\n)*did you mean 'batch_size'"):
        options.known_name("bach", known, what="setting")


def test_an_assignment_is_split_at_its_first_sign() -> None:
    assert options.split_assignment(" a = b=c ") == ("a", "b=c")
    with pytest.raises(UsageError, match="--set takes name=value, got 'a'"):
        options.split_assignment("a")


def test_a_file_gives_values_by_field_name(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('count = 7\ndevice = "cuda"\n')
    assert options.read_toml(path, KNOWN) == {"count": 7, "device": "cuda"}
    path.write_text("cuont = 7")
    with pytest.raises(UsageError, match=r"x\.toml(.|\n)*did you mean 'count'"):
        options.read_toml(path, KNOWN)
    for content in (b"count = [", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="cannot read the configuration"):
            options.read_toml(path, KNOWN)
    with pytest.raises(UsageError, match="cannot read the configuration"):
        options.read_toml(tmp_path / "absent.toml", KNOWN)
