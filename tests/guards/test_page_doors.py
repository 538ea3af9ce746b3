"""Every page has its door for programs, or says why it has none: `page_doors.csv` is the reviewed list."""

from __future__ import annotations

import csv
from pathlib import Path

from flask import Flask

REVIEWED = Path(__file__).parent / "page_doors.csv"
NO_PAGES = ("api", "docs")  # the API itself, and its description


def reviewed() -> list[tuple[str, str, str]]:
    rows = list(csv.reader(REVIEWED.read_text(encoding="utf-8").splitlines()))[1:]
    return [(page, operation, reason) for page, operation, reason in rows]


def endpoints(app: Flask) -> tuple[set[str], set[str]]:
    """(pages, operations of the API)."""
    found = {rule.endpoint for rule in app.url_map.iter_rules()}
    operations = {name for name in found if name.startswith("api_")}
    pages = {name for name in found - operations if not name.startswith(NO_PAGES) and not name.endswith("static")}
    return pages, operations


def test_every_page_names_its_operation_or_why_it_has_none(app: Flask) -> None:
    pages, operations = endpoints(app)
    table = reviewed()
    listed = [page for page, _operation, _reason in table]
    assert listed == sorted(set(listed))
    assert set(listed) == pages, "a new page needs its operation in page_doors.csv, or the reason why it has none"
    for page, operation, reason in table:
        assert bool(operation) != bool(reason), page
        assert not operation or operation in operations, f"{page}: {operation} does not exist"


def test_a_page_that_writes_has_an_operation_that_writes(app: Flask) -> None:
    access = app.extensions["access"]
    for page, operation, reason in reviewed():
        if access[page].writes and not reason.startswith("sign-in"):
            assert operation, f"{page} writes and has no door for programs"
            assert access[operation].writes, f"{page}: {operation} only reads"


def test_a_form_leads_to_a_page_that_has_an_operation() -> None:
    doors = {page: operation for page, operation, _reason in reviewed()}
    forms = {
        reason.removeprefix("form of ") for _page, _operation, reason in reviewed() if reason.startswith("form of")
    }
    assert all(doors[page] for page in forms)
    assert len(forms) > 20
