"""The policy page: every number in force, for everybody."""

from __future__ import annotations

from datetime import date

import pytest

from tests import builders
from tests.admin.conftest import Company
from tests.conftest import NOW
from tierflow.common.policies import PolicyVersion, catalogue, policy_on
from tierflow.kernel.roles import Role

pytestmark = pytest.mark.rule("CHEM-18")


@pytest.fixture
def versions(company: Company) -> Company:
    """A second version from 2027 on."""
    with company.writing() as session:
        values = dict(policy_on(session, NOW.date()).values) | {"login.attempts": 3}
        session.add(
            PolicyVersion(
                version=2,
                state="adopted",
                in_force_from=date(2027, 1, 1),
                values={key: list(value) if isinstance(value, tuple) else value for key, value in values.items()},
                drafter="销售部",
                source="委员会决议 1 号",
                adopted_at=NOW,
            )
        )
    return company


def test_everybody_reads_every_value(versions: Company) -> None:
    client = builders.sign_in(versions.app, versions.li)
    shown = client.get("/api/v1/policy").json
    assert {one["key"] for one in shown["values"]} == set(catalogue())
    attempts = next(one for one in shown["values"] if one["key"] == "login.attempts")
    assert attempts == {
        "key": "login.attempts",
        "clause": "house",
        "label": "登录失败次数上限",
        "unit": "次",
        "kind": "integer",
        "value": 5,
    }
    assert (shown["version"], shown["source"]) == (1, "built in")
    page = client.get("/policy").text
    assert all(key in page for key in catalogue())


def test_the_day_decides_the_version(versions: Company) -> None:
    client = builders.sign_in(versions.app, versions.li)
    for day, version, value in (("2026-12-31", 1, 5), ("2027-01-01", 2, 3)):
        shown = client.get("/api/v1/policy", query_string={"on": day}).json
        attempts = next(one for one in shown["values"] if one["key"] == "login.attempts")
        assert (shown["version"], attempts["value"]) == (version, value), day
    assert "委员会决议 1 号" in client.get("/policy?on=2027-01-01").text
    assert [one["version"] for one in shown["versions"]] == [2, 1]


def test_before_the_first_version_is_refused(company: Company) -> None:
    client = builders.sign_in(company.app, company.li)
    assert client.get("/api/v1/policy?on=2001-01-01").status_code == 409
    assert client.get("/policy?on=yesterday").status_code == 422


def test_values_are_shown_as_people_read_them(company: Company) -> None:
    with company.writing() as session:
        builders.adopt(session, {"second_factor.roles": [Role.GENERAL_MANAGER.value]})
    page = builders.sign_in(company.app, company.li).get("/policy").text
    assert "<b>1,000</b>" in page, "grams as tonnes"
    assert "1000000000" not in page
    assert "<b>10</b>" in page, "bytes as megabytes"
    assert "<b>总经理</b>" in page
    assert "<b>较大；重大或严重</b>" in page
