"""A customer's history field by field: what changed, who examined it, in whose name, and where it is told."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests.conftest import NOW, StandingClock
from tests.onboarding import keeping
from tests.onboarding.test_pages import House
from tierflow.common.approvals import Seen
from tierflow.common.db import db, transaction
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import Text
from tierflow.onboarding.service import changing, examining, past

LATER = NOW + timedelta(days=1)


def changed(file: keeping.File, new: dict[str, Any], reason: str, *, verdict: str = "approve") -> int:
    """A change of particulars, examined by everybody it concerns."""
    place = file.place
    with file.app.app_context(), transaction() as session:
        row = changing.propose(session, place.actor(session, "li", LATER), file.customer, new, LATER, reason=reason)
        made = row.id
        while row.outcome is None:
            case = examining.case_of(session, (changing.SUBJECT, made))
            who = place.actor(session, {"sales": "sales", "finance": "finance"}[case.step or ""], LATER)
            seen = Seen(case.version, case.step or "")
            changing.decide(session, who, made, seen, Verdict(verdict), LATER, reason="已核对原件")
    return made


def told(file: keeping.File, who: str = "li", **wanted: Any) -> list[past.FieldChange]:
    with file.app.app_context(), transaction() as session:
        return list(past.field_changes(session, file.place.actor(session, who), file.customer, **wanted).rows)


def plain(value: Any) -> str:
    return value.msgid if isinstance(value, Text) else value


@pytest.mark.rule("CHEM-3.3", "CHEM-8.1")
def test_old_and_new_with_examiner_reason_and_matter(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    change = changed(file, {"bank_account": "6222020200112233", "bank_name": "招商银行"}, "开户行迁址")
    renewal = file.renew(LATER)
    file.accept(renewal, LATER)
    rows = {row.field: row for row in reversed(told(file))}
    bank = rows["bank_account"]
    assert (bank.old, bank.new, bank.reason) == ("1001000000000001", "6222020200112233", "开户行迁址")
    assert bank.matter == ("customer_change", change)
    assert [(one.who, one.for_whom, one.reason) for one in bank.examined] == [("人finance", None, "已核对原件")]
    paper = rows["merged_licence"]
    assert paper.matter == ("paper_renewal", renewal)
    assert [one.who for one in paper.examined] == ["人sales", "人finance"]
    assert paper.old.params["end"] == "2026-11-30"  # type: ignore[union-attr]
    assert paper.new.params["end"] == "2036-11-30"  # type: ignore[union-attr]
    line = rows[f"line.{file.place.polyolefin}"]
    assert (line.old, plain(line.new)) == ("—", "dealer")
    assert line.matter is not None
    assert line.matter[0] == "application"
    assert [one.who for one in line.examined] == ["人sales", "人finance", "人gm"]


@pytest.mark.rule("CHEM-8.1")
def test_what_was_rejected_changed_nothing(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    changed(file, {"phone": "13900000000"}, "换号", verdict="reject")
    assert [row.field for row in told(file)] == [f"line.{file.place.polyolefin}"]


def test_narrowed_to_a_field_and_paged_by_key(both_app: Flask) -> None:
    file = keeping.opened(both_app)
    for number in range(3):
        changed(file, {"phone": f"1390000000{number}", "contact_name": f"钱{number}"}, "换人")
    assert [row.new for row in told(file, field="contact_name")] == ["钱2", "钱1", "钱0"]
    assert [row.field for row in told(file, field="lines")] == [f"line.{file.place.polyolefin}"]
    assert told(file, field="bank_name") == told(file, field="merged_licence") == told(file, field="status") == []
    seen, cursor = [], None
    with both_app.app_context(), transaction() as session:
        actor = file.place.actor(session, "gm")
        while True:
            page = past.field_changes(session, actor, file.customer, field="phone", cursor=cursor, size=1)
            seen += [row.new for row in page.rows]
            if (cursor := page.after) is None:
                break
        assert seen == ["139 0000 0002", "139 0000 0001", "139 0000 0000"]
        with pytest.raises(Invalid):
            past.field_changes(session, actor, file.customer, cursor="nonsense")


def test_as_many_queries_for_one_change_as_for_many(both_app: Flask) -> None:
    file = keeping.opened(both_app)

    def count() -> int:
        asked: list[str] = []
        with both_app.app_context(), transaction() as session:
            actor = file.place.actor(session, "gm")
            event.listen(db.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
            past.field_changes(session, actor, file.customer)
        return len(asked)

    changed(file, {"phone": "13900000000"}, "换号")
    one = count()
    for number in range(1, 6):
        changed(file, {"phone": f"1390000000{number}", "bank_name": f"招商银行{number}"}, "换号")
    file.accept(file.renew(LATER), LATER)
    assert count() == one <= 8


@pytest.mark.rule("CHEM-8.1")
def test_page_api_and_file_tell_the_same(app: Flask, clock: StandingClock) -> None:
    file = keeping.opened(app)
    change = changed(file, {"bank_account": "6222020200112233"}, "开户行迁址")
    changed(file, {"contact_name": "=1+1"}, "换人")
    clock.at = LATER
    house = House(app, file.place)
    li = house.screen("li")
    page = li.get(f"/customers/{file.customer}/history?field=bank_account")
    assert f'href="/customer-changes/{change}"' in page
    for words in ("1001000000000001", "6222020200112233", "人finance", "开户行迁址"):
        assert words in page
    assert "换人" not in page.split("<aside")[0].split("最近操作")[0]
    body = li.client.get(f"/api/v1/customers/{file.customer}/history?field=bank_account").get_json()
    assert [(row["old"], row["new"], row["matter"]) for row in body["rows"]] == [
        ("1001000000000001", "6222020200112233", {"type": "customer_change", "id": change})
    ]
    assert body["rows"][0]["examined"][0]["who"] == "人finance"
    assert li.client.get(f"/api/v1/customers/{file.customer}/history?field=secret").status_code == 422
    sales = house.screen("sales")
    answer = sales.post(f"/customers/{file.customer}/history/export", {"form": "csv"})
    assert answer.status_code == 200
    table = answer.get_data().decode("utf-8-sig")
    assert "'6222020200112233" in table
    assert "'=1+1" in table
    narrowed = sales.post(f"/customers/{file.customer}/history/export", {"form": "csv", "field": "bank_account"})
    assert "换人" not in narrowed.get_data().decode("utf-8-sig")
    xlsx = sales.post(f"/customers/{file.customer}/history/export", {})
    assert io.BytesIO(xlsx.get_data()).read(2) == b"PK"


def test_who_may_not_see_the_customer_finds_no_history(app: Flask) -> None:
    file = keeping.opened(app)
    wang = House(app, file.place).screen("wang")
    assert wang.client.get(f"/customers/{file.customer}/history").status_code == 404
    assert wang.client.get(f"/api/v1/customers/{file.customer}/history").status_code == 404
