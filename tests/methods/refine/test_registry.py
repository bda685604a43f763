"""Which refinement follows which method."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.config import run_config
from maskgen.config.fingerprint import differences
from maskgen.errors import UsageError
from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.methods.refine.crf import refine_crf
from maskgen.methods.refine.guided import refine_guided
from maskgen.methods.refine.registry import REFINEMENTS
from maskgen.methods.refine.vote import refine_vote
from maskgen.types import RGB


def drawn() -> RGB:
    image = np.random.default_rng(0).integers(90, 110, (120, 160, 3)).astype(np.uint8)
    image[30:90, 50:100] = (200, 60, 40)
    return image


def test_the_command_lines_choices_are_the_refinements() -> None:
    assert set(run_config.REFINEMENTS) == {"auto", "none", *REFINEMENTS}
    assert {spec.refine for spec in METHODS.values()} <= {"none", *REFINEMENTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rbd", "box"])
def test_each_refinement_follows_the_method_with_its_threshold(name: str) -> None:
    image, spec = drawn(), METHODS[name]
    raw = spec.load_prior()(image)
    expected = {
        "none": raw,
        "auto": raw,
        "crf": refine_crf(image, raw, spec.threshold),
        "guided": refine_guided(image, raw),
        "vote": refine_vote(image, raw, spec.threshold),
    }
    for refine, mask in expected.items():
        assert np.array_equal(make_method(name, MethodOptions(refine=refine))(image), mask), refine


@pytest.mark.slow
def test_auto_is_crf_for_vote() -> None:
    image = drawn()
    auto, crf = (make_method("vote", MethodOptions(refine=refine))(image) for refine in ("auto", "crf"))
    assert np.array_equal(auto, crf)


def test_which_methods_refine_by_themselves() -> None:
    found = {name: spec.refine for name, spec in METHODS.items() if spec.refine != "none"}
    assert found == {"vote": "crf", "deepusps": "vote"}


def test_an_unknown_refinement_is_refused() -> None:
    with pytest.raises(UsageError, match="got 'sharpen'"):
        make_method("box", MethodOptions(refine="sharpen"))


def test_the_option_is_part_of_the_fingerprint() -> None:
    given = {"dataset": "folder", "output": "out"}
    fields = [
        run_config.make_config({**given, "refine": refine}).fingerprint_fields() for refine in ("crf", "none")
    ]
    assert differences(*fields) == ["refine: 'crf' -> 'none'"]
