"""The logs: filtered, paged by key, exported, and silent about customers."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import TODAY, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import delegations, logs, people
from tierflow.common import audit
from tierflow.common.sessions import SecurityEvent, log_security
from tierflow.kernel.errors import Forbidden

SECRET = "绝密化工有限公司"


@pytest.fixture
def busy(company: Company) -> Company:
    """Some acts by ann, one of li's about a customer, one in somebody's name."""
    company.call(people.edit, "ann", company.li, {"phone": "1390000"})
    company.call(people.disable, "ann", company.sales, "=1+1")
    with company.writing() as session:
        li = company.actor(session, "li")
        after = {"name": SECRET, "bank_account": "6222"}
        audit.record(session, li, "create", "application", 5, NOW, after=after, reason=SECRET)
        audit.record(session, li, "decide.approve", "application", 5, NOW, on_behalf_of_id=company.gm)
    return company


def acts(company: Company, **filters: object) -> list[str]:
    with company.reading() as session:
        page = logs.audit_log(session, company.actor(session, "ann"), filters)
        return [row.entry.action for row in page.rows]


def test_acts_are_found(busy: Company) -> None:
    assert acts(busy) == ["decide.approve", "create", "user.disable", "user.edit", "submit"]
    assert acts(busy, user_id=busy.ann) == ["user.disable", "user.edit"]
    assert acts(busy, user_id=busy.gm) == ["decide.approve"], "also what was done in one's name"
    assert acts(busy, action="user.") == ["user.disable", "user.edit"]
    assert acts(busy, action="u%") == []
    assert acts(busy, subject_type="user", subject_id=busy.li) == ["user.edit"]
    assert acts(busy, from_on=TODAY, last_on=TODAY) == acts(busy)
    assert acts(busy, from_on=TODAY + timedelta(days=1)) == []
    assert acts(busy, last_on=TODAY - timedelta(days=1)) == []


def test_the_edges_of_a_day_are_shanghai_s(company: Company) -> None:
    with company.writing() as session:
        ann = company.actor(session, "ann")
        for minutes, action in ((-1, "before"), (0, "first"), (24 * 60 - 1, "last"), (24 * 60, "after")):
            # NOW is 10:00 in Shanghai
            audit.record(session, ann, action, "user", 1, NOW - timedelta(hours=10) + timedelta(minutes=minutes))
    assert acts(company, from_on=TODAY, last_on=TODAY) == ["last", "first", "submit"]


def test_an_administrator_sees_no_customer_s_particulars(busy: Company) -> None:
    client = builders.sign_in(busy.app, busy.ann)
    token = builders.csrf_of(client)
    shown = client.get("/logs/audit").text + client.get("/api/v1/audit").get_data(as_text=True)
    headers = {"X-CSRFToken": token}
    export = client.post("/api/v1/audit/export", json={"form": "csv"}, headers=headers)
    assert export.status_code == 200
    shown += export.get_data().decode()
    assert SECRET not in shown
    assert "6222" not in shown
    assert "bank_account" in shown, "which fields were touched is told"
    assert "1390000" in shown, "what administrators keep themselves is told whole"


def test_who_is_meant_is_said_by_name(company: Company) -> None:
    wanted = {
        "from_user_id": company.gm,
        "to_user_id": company.fin,
        "from_on": TODAY,
        "to_on": TODAY + timedelta(days=1),
    }
    company.call(delegations.set_delegation, "ann", wanted)
    with company.reading() as session:
        row = logs.audit_log(session, company.actor(session, "ann"), {"action": "delegation."}).rows[0]
        told = {one.field: one.after for one in row.differences}
        assert (told["from_user_id"], told["to_user_id"]) == ("高总 (gm)", "方琳 (fin)")


@pytest.mark.parametrize("kind", ["page", "api"])
def test_an_export_is_a_file_and_itself_on_record(busy: Company, kind: str) -> None:
    door = Door(busy.app, busy.ann, kind)
    answer = door.post("/logs/audit/export", "/audit/export", {"action": "user."})
    assert answer.status_code == 200, answer.text
    sheet = openpyxl.load_workbook(BytesIO(answer.data)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == 3
    assert rows[1][4:6] == ("user.disable", "停用账号")
    assert rows[1][8] == "=1+1"
    assert sheet.cell(2, 9).data_type == "s", "a formula in a reason stays a text"
    with busy.reading() as session:
        event = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "export")).one()
        assert (event.user_id, event.detail) == (busy.ann, "audit-log.xlsx: 2 rows")
    answer = door.post("/logs/security/export", "/security-events/export", {"form": "csv"})
    assert answer.status_code == 200
    assert answer.data.startswith(b"\xef\xbb\xbf")


def test_exports_are_never_a_link(company: Company) -> None:
    client = builders.sign_in(company.app, company.ann)
    assert client.get("/logs/audit/export").status_code == 405
    assert client.get("/api/v1/audit/export").status_code == 405


def test_the_security_log_is_filtered_and_paged(both: Company) -> None:
    with both.writing() as session:
        for i in range(70):
            log_security(session, "login.failed", NOW, user_id=None, login="x", address="10.0.0.1", detail=str(i))
        log_security(session, "denied", NOW, user_id=both.li, login="li", address="", detail="GET /people")
    with both.reading() as session:
        ann = both.actor(session, "ann")
        found = logs.security_log(session, ann, {"kind": "denied"}).rows
        assert [(row.user_name, row.event.detail) for row in found] == [("李明", "GET /people")]
        seen = []
        cursor = None
        while True:
            page = logs.security_log(session, ann, {"login": "x"}, cursor=cursor)
            seen += [row.event.detail for row in page.rows]
            cursor = page.after
            if cursor is None:
                break
        assert seen == [str(i) for i in range(69, -1, -1)]


def test_a_denial_is_in_the_log(company: Company) -> None:
    builders.sign_in(company.app, company.gm).get("/people")
    with company.reading() as session:
        event = session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "denied")).one()
        assert (event.user_id, event.detail) == (company.gm, "GET /people people.read")


def test_only_administrators_read_logs(company: Company) -> None:
    with company.reading() as session, pytest.raises(Forbidden):
        logs.audit_log(session, company.actor(session, "gm"), {})
    client = builders.sign_in(company.app, company.gm)
    for path in ("/logs/audit", "/logs/security", "/api/v1/audit", "/api/v1/security-events"):
        assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/audit", "/api/v1/security-events", "/logs/audit"])
@pytest.mark.parametrize("query", ["cursor=nonsense", "from_on=yesterday", "user_id=-1", f"user_id={10**20}"])
def test_a_bad_filter_is_told(company: Company, path: str, query: str) -> None:
    assert builders.sign_in(company.app, company.ann).get(f"{path}?{query}").status_code == 422


def test_the_logs_speak_the_reader_s_language(busy: Company) -> None:
    client = builders.sign_in(busy.app, busy.ann)
    assert client.get("/people").status_code == 200
    builders.sign_in(busy.app, busy.li).get("/people")
    assert "越权被拒" in client.get("/logs/security").text
    assert "<dt>联系电话</dt>" in client.get("/logs/audit").text
