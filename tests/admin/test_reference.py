"""Reference data: made, corrected, ended when nothing relies on it; nothing is deleted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, TODAY, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import reference
from tierflow.common.audit import AuditEntry
from tierflow.common.reference import KINDS, Product, Region, Warehouse
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.text import text

NEW = {
    "region": {"code": "north", "name": "华北", "from_on": "2026-12-01"},
    "department": {"code": "FIN", "name": "财务部", "from_on": "2026-11-23"},
    "office": {"code": "OFF2", "name": "二厂驻厂办", "from_on": "2026-11-23"},
    "warehouse": {"code": "WH2", "name": "二号库", "address": "厂区北", "office_id": 1, "from_on": "2026-11-23"},
    "product_line": {"code": "SOLV", "name": "溶剂", "name_en": "Solvents", "scheme": "other", "from_on": "2026-11-23"},
    "product": {"code": "PE-7042", "name": "线型聚乙烯 7042", "product_line_id": 1, "from_on": "2026-11-23"},
}


@pytest.mark.parametrize("door_kind", ["page", "api"])
def test_each_kind_is_made_corrected_and_ended(both: Company, door_kind: str) -> None:
    door = Door(both.app, both.ann, door_kind)
    for key, data in NEW.items():
        answer = door.post(f"/reference/{key}/new", f"/reference/{key}", data)
        assert answer.status_code in DONE, (key, answer.text)
        with both.reading() as session:
            entry = session.scalars(select(KINDS[key]).where(KINDS[key].code == str(data["code"]).upper())).one()
        path = f"/reference/{key}/{entry.id}"
        changed = {"name": "改名"}
        if door_kind == "api":
            headers = {"X-CSRFToken": door.token}
            assert door.client.patch(f"/api/v1{path}", json=changed, headers=headers).status_code == 200
        else:
            assert door.post(path, "", changed).status_code in DONE
        assert door.post(f"{path}/end", f"{path}/end", {"last_on": "2026-12-31"}).status_code in DONE, key
        with both.reading() as session:
            now = session.get_one(KINDS[key], entry.id)
            assert (now.name, now.to_on) == ("改名", date(2027, 1, 1))
        assert door.post(f"{path}/go-on", f"{path}/go-on", {}).status_code in DONE
        history = door.client.get(f"/api/v1{path}/history").json
        acts = [one["action"] for one in history]
        assert acts == ["reference.go_on", "reference.end", "reference.edit", "reference.create"]
        assert history[1]["differences"] == [{"field": "to_on", "before": None, "after": "2027-01-01"}]


@pytest.mark.parametrize("door_kind", ["page", "api"])
@pytest.mark.parametrize(
    ("key", "change", "field"),
    [
        ("region", {"code": "EAST"}, "code"),
        ("region", {"code": "east"}, "code"),
        ("region", {"code": "Ost!"}, "code"),
        ("region", {"name": ""}, "name"),
        ("region", {"from_on": "31.12.2026"}, "from_on"),
        ("region", {"from_on": "9999-12-31"}, "from_on"),
        ("region", {"scheme": "other"}, "scheme"),
        ("product_line", {"scheme": "third"}, "scheme"),
        ("product", {"product_line_id": 99}, "product_line_id"),
        ("warehouse", {"office_id": 99}, "office_id"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    company: Company, door_kind: str, key: str, change: dict, field: str
) -> None:
    door = Door(company.app, company.ann, door_kind)
    answer = door.post(f"/reference/{key}/new", f"/reference/{key}", {**NEW[key], **change})
    assert answer.status_code == 422, answer.text
    if door_kind == "api":
        assert set(answer.json["errors"]) == {field}


def end(company: Company, key: str, entry_id: int, to_on: date = TODAY) -> None:
    company.call(reference.end, "ann", key, entry_id, to_on)


def test_nothing_ends_while_something_relies_on_it(both: Company) -> None:
    with both.writing() as session:
        builders.grant(session, session.get_one(User, both.li), (builders.Role.WAREHOUSE_KEEPER, both.warehouse))
        builders.grant(session, session.get_one(User, both.li), (builders.Role.RESIDENT_OFFICE, both.office))
    for key, entry_id, count in (
        ("region", both.region, 1),  # a sales manager
        ("office", both.office, 3),  # a role, a warehouse and what it is tied to
        ("warehouse", both.warehouse, 1),
        ("product_line", both.line, 1),  # a product
    ):
        with pytest.raises(Refused) as caught:
            end(both, key, entry_id)
        assert len(caught.value.refusals) == count, (key, caught.value)
    door = Door(both.app, both.ann, "page")
    page = door.post(f"/reference/region/{both.region}/end", "", {"last_on": "2026-12-31"})
    assert page.status_code == 409
    assert "仍有角色以其为范围" in page.text
    with both.reading() as session:
        product = session.scalars(select(Product)).one()
    end(both, "product", product.id)
    end(both, "product_line", both.line)  # now nothing holds it
    with both.reading() as session:
        assert session.get(Product, product.id) is not None, "ended, not deleted"


def test_what_ends_by_that_day_too_is_no_obstacle(company: Company) -> None:
    later = TODAY + timedelta(days=30)
    with company.reading() as session:
        product = session.scalars(select(Product)).one()
    end(company, "product", product.id, later)
    with pytest.raises(Refused):
        end(company, "product_line", company.line, later - timedelta(days=1))
    end(company, "product_line", company.line, later)


def test_a_department_ends_when_nobody_belongs_to_it(company: Company) -> None:
    row = company.call(reference.create, "ann", "department", {"code": "S", "name": "销售部", "from_on": TODAY})
    with company.writing() as session:
        session.get_one(User, company.li).department_id = row.id
    with pytest.raises(Refused, match="Accounts belong"):
        end(company, "department", row.id, TODAY + timedelta(days=1))


def test_other_domains_say_what_they_use(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    with company.reading() as session:
        product = session.scalars(select(Product)).one()
    uses = [lambda _session, key, entry_id, on: [text("Orders name it.")] if entry_id == product.id else []]
    monkeypatch.setattr(reference, "USAGES", uses)
    with pytest.raises(Refused, match="Orders name it"):
        end(company, "product", product.id)


def test_an_end_in_the_past_is_refused_and_an_ended_entry_is_over(company: Company) -> None:
    with company.reading() as session:
        product = session.scalars(select(Product)).one()
    with pytest.raises(Refused, match="past"):
        end(company, "product", product.id, TODAY - timedelta(days=1))
    end(company, "product", product.id, TODAY)
    with pytest.raises(Refused, match="ended already"):
        end(company, "product", product.id, TODAY + timedelta(days=9))


def test_a_stale_form_is_refused(company: Company) -> None:
    with company.reading() as session:
        seen = reference.get(session, company.actor(session, "ann"), "region", company.region, NOW).stamp
    company.call(reference.edit, "ann", "region", company.region, {"name": "一", "seen": seen})
    with pytest.raises(Conflict):
        company.call(reference.edit, "bob", "region", company.region, {"name": "二", "seen": seen})


def test_saving_what_is_there_already_leaves_no_trace(company: Company) -> None:
    company.call(reference.edit, "ann", "region", company.region, {"name": "华东"})
    with company.reading() as session:
        assert session.scalar(select(AuditEntry.seq).where(AuditEntry.action == "reference.edit")) is None


def test_lists_are_searched_filtered_and_paged(company: Company) -> None:
    with company.writing() as session:
        for i in range(60):
            session.add(Region(code=f"R{i:02}", name=f"区{i:02}", from_on=date(2027, 1, 1)))
    with company.reading() as session:
        ann = company.actor(session, "ann")
        page = reference.list_entries(session, ann, "region", {}, NOW)
        assert len(page.rows) == 50
        rest = reference.list_entries(session, ann, "region", {}, NOW, cursor=page.after)
        assert [row.entry.code for row in rest.rows] == [f"R{i:02}" for i in range(49, 60)]
        found = reference.list_entries(session, ann, "region", {"q": "r07"}, NOW).rows
        assert [(row.entry.name, row.state) for row in found] == [("区07", "to_come")]
        in_force = reference.list_entries(session, ann, "region", {"state": "in_force"}, NOW).rows
        assert [row.entry.code for row in in_force] == ["EAST"]
        stores = reference.list_entries(session, ann, "warehouse", {}, NOW).rows
        assert [row.parent for row in stores] == ["驻厂办"]
        with pytest.raises(NotFound):
            reference.list_entries(session, ann, "customer", {}, NOW)
        with pytest.raises(Forbidden):
            reference.list_entries(session, company.actor(session, "gm"), "region", {}, NOW)


def test_what_does_not_exist_is_not_found(company: Company) -> None:
    client = builders.sign_in(company.app, company.ann)
    for path in ("/reference/customer", "/reference/region/99999", "/reference/customer/new"):
        assert client.get(path).status_code == 404, path
        assert client.get(f"/api/v1{path.removesuffix('/new')}").status_code == 404, path


def test_a_blank_address_stays_a_text(company: Company) -> None:
    company.call(reference.edit, "ann", "warehouse", company.warehouse, {"address": None, "office_id": None})
    with company.reading() as session:
        row = session.get_one(Warehouse, company.warehouse)
        assert (row.address, row.office_id) == ("", None)
    with pytest.raises(Invalid):
        company.call(reference.edit, "ann", "warehouse", company.warehouse, {"office_id": 77})
