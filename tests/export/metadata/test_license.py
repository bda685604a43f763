from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.export.metadata.license import check_license


@pytest.mark.parametrize(("license_id", "name"), [("", ""), ("cc-by-4.0", ""), ("other", "my-license-1.0")])
def test_what_the_hub_takes_is_taken(license_id: str, name: str) -> None:
    check_license(license_id, name)


@pytest.mark.parametrize(
    ("license_id", "near"),
    [("CC-BY-4.0", "cc-by-4.0"), ("cc by sa 4.0", "cc-by-sa-4.0"), ("Apache2", "apache-2.0")],
)
def test_what_the_hub_refuses_is_answered_with_the_nearest(license_id: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_license(license_id, "")
    assert f"the Hub knows no license {license_id!r}" in str(refused.value)
    assert f'license="{near}", license="other", or take one of https://huggingface.co' in str(refused.value)


def test_a_license_that_is_like_none_is_refused_too() -> None:
    with pytest.raises(UsageError, match=r'Next: license="other", or take one of'):
        check_license("proprietary and confidential terms", "")


@pytest.mark.parametrize(("license_id", "name"), [("other", ""), ("mit", "mine"), ("", "mine")])
def test_another_license_has_a_name_and_no_other_has(license_id: str, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        check_license(license_id, name)
