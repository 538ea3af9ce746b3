"""Suspension from dates alone (CHEM-15): both sides of every boundary."""

from __future__ import annotations

from datetime import date

import pytest

from tierflow.kernel.qualification import Cover, suspended_since, uncovered, wanting

TODAY = date(2026, 11, 23)
MERGED = ("merged_licence",)
OLD = ("business_licence", "organisation_code_certificate", "tax_registration_national", "tax_registration_local")


def cover(kind: str = "merged_licence", first: str = "2020-01-01", last: str | None = None) -> Cover:
    return Cover(kind, date.fromisoformat(first), date.fromisoformat(last) if last else None)


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("covers", "missing"),
    [
        ([cover()], ()),  # long-term
        ([cover(last="2026-11-23")], ()),  # the last day is inclusive
        ([cover(last="2026-11-22")], MERGED),
        ([cover(first="2026-11-23")], ()),  # the first day counts
        ([cover(first="2026-11-24")], MERGED),  # renewed, but not valid yet
        ([cover(last="2026-11-22"), cover(first="2026-11-23", last="2026-12-31")], ()),  # proof or renewal, no gap
        ([cover(last="2026-11-21"), cover(first="2026-11-24")], MERGED),  # a gap
        ([], MERGED),  # nothing on file
        ([cover(kind) for kind in OLD], ()),  # all the old papers
        ([cover(kind) for kind in (*OLD[:2], "tax_registration_joint")], ()),
        ([cover(kind) for kind in OLD[:3]], ("tax_registration_local",)),
        ([*(cover(kind) for kind in OLD[:3]), cover(OLD[3], last="2026-11-22")], ("tax_registration_local",)),
        (
            [cover(OLD[0]), cover(OLD[1]), cover("tax_registration_joint", last="2026-11-22")],
            ("tax_registration_joint",),
        ),
        ([*(cover(kind, last="2026-11-22") for kind in OLD), cover()], ()),  # replaced by the merged licence
        ([*(cover(kind) for kind in OLD), cover(last="2026-11-22")], ()),  # the old papers are whole still
    ],
)
def test_suspended_is_what_no_paper_or_proof_covers_today(covers: list[Cover], missing: tuple[str, ...]) -> None:
    assert uncovered(covers, TODAY) == missing


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("covers", "since"),
    [
        ([cover(last="2026-11-22")], "2026-11-23"),
        ([cover(last="2026-06-30"), cover(first="2026-07-15", last="2026-10-01")], "2026-10-02"),
        ([cover(last="2026-06-30"), cover(first="2026-07-15")], None),  # restored
        ([], None),  # never had a whole set
        ([cover(kind) for kind in OLD[:3]] + [cover(OLD[3], last="2026-01-31")], "2026-02-01"),
        ([cover(last="2026-10-01"), cover(first="2026-09-01", last="2026-10-20")], "2026-10-21"),
    ],
)
def test_a_suspension_begins_the_day_after_the_last_covered_one(covers: list[Cover], since: str | None) -> None:
    assert suspended_since(covers, TODAY) == (date.fromisoformat(since) if since else None)


@pytest.mark.rule("CHEM-7.1")
def test_whoever_begins_with_the_old_papers_is_asked_for_the_rest_of_them() -> None:
    assert wanting({"business_licence"}, {"business_licence"}) == OLD[1:]
    assert wanting(set(), set()) == MERGED
