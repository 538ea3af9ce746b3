"""The JSON that made-up requests found broken: each asked once more, by hand."""

from __future__ import annotations

import pytest

from tests.admin.conftest import Company, Door


@pytest.fixture
def ann(company: Company) -> Door:
    return Door(company.app, company.ann, "api")


@pytest.mark.rule("CHEM-12.3")
def test_a_preview_of_a_calendar_that_does_not_fit_says_why(ann: Door) -> None:
    answer = ann.post("", "/calendar/preview", {"year": 2026, "days": []})
    assert answer.status_code == 200
    found = answer.get_json()
    assert found["refusals"][0].keys() == {"clause", "reason", "field"}
    assert found["refusals"][0]["reason"]
    assert found["changes"] == []
