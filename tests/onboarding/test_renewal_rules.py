"""What is refused of a paper handed in anew, and at which field (CHEM-15): both sides of every boundary."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tierflow.onboarding.rules.papers import PaperFact
from tierflow.onboarding.rules.renewal import OnFile, Terms, renewal_refusals

TODAY = date(2026, 11, 23)
OLD = OnFile(date(2016, 11, 24), date(2026, 11, 30))


def fields(*, is_proof: bool = False, on_file: OnFile | None = OLD, remark: str = "", **printed: Any) -> list[str]:
    """The fields refused, of a business licence complete but for what is given."""
    whole = {"number": "1", "issuer": "市监局", "valid_from": date(2026, 12, 1), "valid_to": date(2036, 11, 30)}
    new = PaperFact("business_licence", **{**({} if is_proof else whole), **printed})
    found = renewal_refusals(new, is_proof=is_proof, remark=remark, on_file=on_file, on=TODAY, terms=Terms(90))
    assert all(row.clause == "CHEM-15" for row in found)
    return [row.field or "" for row in found]


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("printed", "refused"),
    [
        ({}, []),  # begins the day after
        ({"valid_from": date(2016, 11, 24)}, []),  # one period drawn out: the first day printed is the same
        ({"valid_from": date(2026, 11, 30)}, ["valid_from"]),  # overlaps by one day, unexplained
        ({"valid_from": date(2026, 11, 30), "remark": "换发"}, []),
        ({"valid_from": date(2016, 11, 23)}, ["valid_from"]),  # older than what it renews
        ({"valid_to": None}, ["valid_to"]),  # neither an end nor long-term
        ({"valid_to": None, "is_long_term": True}, []),
        ({"is_long_term": True}, ["valid_to"]),  # both
        ({"valid_to": date(2026, 11, 30)}, ["valid_to"]),  # backward
        ({"valid_to": date(2026, 12, 1)}, []),
        ({"valid_from": OLD.valid_from, "valid_to": date(2026, 11, 30)}, ["valid_to"]),  # no longer than the old one
        ({"valid_from": OLD.valid_from, "valid_to": TODAY - timedelta(days=1)}, ["valid_to"]),  # run out
        ({"number": ""}, ["number"]),
        ({"issuer": ""}, ["issuer"]),
        ({"names_code": False}, ["number"]),
        ({"on_file": None, "valid_to": TODAY, "valid_from": TODAY}, []),  # its last day is today
        ({"on_file": OnFile(date(2016, 1, 1), None)}, ["valid_from", "valid_to"]),  # the one on file never ends
    ],
)
def test_a_new_version_is_refused_at_its_field(printed: dict[str, Any], refused: list[str]) -> None:
    assert fields(**printed) == refused


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("printed", "refused"),
    [
        ({"valid_to": None}, ["valid_to"]),  # a proof without end
        ({"valid_to": TODAY + timedelta(days=90)}, []),
        ({"valid_to": TODAY + timedelta(days=91)}, ["valid_to"]),
        ({"valid_to": TODAY - timedelta(days=1)}, ["valid_to"]),
        ({"valid_to": date(2026, 11, 30)}, ["valid_to"]),  # not beyond the paper itself
        ({"valid_to": date(2026, 12, 1)}, []),
        ({"valid_to": date(2026, 12, 1), "valid_from": TODAY + timedelta(days=1)}, ["valid_from"]),
        ({"valid_to": date(2026, 12, 1), "valid_from": TODAY}, []),
        ({"valid_to": date(2026, 12, 1), "on_file": None}, ["kind"]),
        ({"valid_to": date(2026, 12, 1), "on_file": OnFile(date(2016, 1, 1), None)}, ["kind"]),
    ],
)
def test_a_proof_has_an_end_of_its_own_within_policy(printed: dict[str, Any], refused: list[str]) -> None:
    assert fields(is_proof=True, **printed) == refused


@pytest.mark.rule("CHEM-15")
def test_what_never_runs_out_is_not_renewed() -> None:
    found = renewal_refusals(
        PaperFact("annex1_signed"), is_proof=False, remark="", on_file=None, on=TODAY, terms=Terms(90)
    )
    assert [row.field for row in found] == ["kind"]
