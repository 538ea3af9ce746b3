"""The working calendar: shown, previewed, loaded, and every deadline proven day by day (CHEM-12.3)."""

from __future__ import annotations

import json
from datetime import date, datetime
from io import BytesIO

import pytest
import xlsxwriter
from sqlalchemy import func, select

from tests import builders
from tests.admin.conftest import Company, Door
from tests.conftest import NOW
from tierflow.admin.service import calendars
from tierflow.common.audit import AuditEntry
from tierflow.common.calendars import HOLIDAYS, CalendarNotice, Impact, built_in_years, load_year, working_calendar
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refused

pytestmark = pytest.mark.rule("CHEM-12.3")

DAYS = [
    {"date": "2027-01-01", "working": False, "name": "元旦"},
    {"date": "2027-02-08", "working": False, "name": "春节"},
    {"date": "2027-02-20", "working": True, "name": "春节调休"},
]
CSV = "date,working,name\n2027-01-01,no,元旦\n2027/2/8,休,春节\n2027-02-20,yes,春节调休\n"
YEAR = {"year": 2027, "source": "国办发明电〔2026〕1号"}


def loaded(company: Company) -> bool:
    with company.reading() as session:
        return working_calendar(session).is_published(2027)


FILES = {
    "csv": CSV.encode(),
    "gb18030": CSV.encode("gb18030"),
    "csv with a byte order mark": CSV.encode("utf-8-sig"),
    "json": json.dumps(DAYS).encode(),
    "json object": json.dumps({"days": DAYS}).encode(),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_a_year_is_previewed_then_loaded(company: Company, content: bytes) -> None:
    door = Door(company.app, company.ann, "page")
    file = (BytesIO(content), "2027.csv")
    seen = door.client.post("/calendar/preview", data={**YEAR, "file": file, "csrf_token": door.token})
    assert seen.status_code == 200, seen.text
    assert "2027-02-20" in seen.text
    assert not loaded(company), "a preview stores nothing"
    hidden = json.dumps({"days": DAYS})
    with company.reading() as session:
        version = working_calendar(session).version
    sent = {**YEAR, "content": hidden, "seen_version": version}
    assert door.post("/calendar/load", "", sent).status_code == 302
    with company.reading() as session:
        calendar = working_calendar(session)
        assert calendar.is_published(2027)
        assert not calendar.is_working_day(date(2027, 2, 8))
        assert calendar.is_working_day(date(2027, 2, 20)), "a Saturday that is worked"
        notice = session.get_one(CalendarNotice, calendar.version)
        assert (notice.source, notice.loaded_by_id) == (YEAR["source"], company.ann)
        assert session.scalar(select(AuditEntry.seq).where(AuditEntry.action == "calendar.load"))
    assert "2027 年工作日尚未载入" not in door.client.get("/calendar").text


def test_the_api_previews_and_loads(both: Company) -> None:
    door = Door(both.app, both.ann, "api")
    headers = {"X-CSRFToken": door.token}
    seen = door.client.post("/api/v1/calendar/preview", json={"year": 2027, "days": DAYS}, headers=headers)
    assert seen.status_code == 200, seen.text
    changes = {one["date"]: one["after"] for one in seen.json["changes"]}
    # The other statutory days on weekdays were expected to be days off, and the notice does not name them
    unnamed = ("2027-02-05", "2027-04-05", "2027-06-09", "2027-09-15", "2027-10-01")
    assert changes == {"2027-02-20": True, **dict.fromkeys(unnamed, True)}
    assert not loaded(both)
    answer = door.post("", "/calendar/years", {**YEAR, "days": DAYS, "seen_version": seen.json["calendar_version"]})
    assert answer.status_code == 201, answer.text
    assert loaded(both)
    shown = door.client.get("/api/v1/calendar/years/2027").json
    assert shown["is_published"]
    assert len(shown["days"]) == 365
    assert next(day for day in shown["days"] if day["date"] == "2027-02-20")["kind"] == "makeup"
    again = door.post("", "/calendar/years", {**YEAR, "days": DAYS, "seen_version": seen.json["calendar_version"]})
    assert again.status_code == 409, "another calendar is in force than the preview was made on"
    same = door.post("", "/calendar/years", {**YEAR, "days": DAYS})
    assert same.status_code == 409, "nothing would change"


def test_published_and_empty_is_not_the_same_as_missing(company: Company) -> None:
    door = Door(company.app, company.ann, "api")
    assert door.post("", "/calendar/years", {**YEAR, "days": []}).status_code == 409
    assert not loaded(company)
    assert door.post("", "/calendar/years", {**YEAR, "days": [], "is_empty": True}).status_code == 201
    assert loaded(company)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("2027-13-45,no,x\n", "第 1 行"),
        ("2027-01-01,maybe,x\n", "第 1 行"),
        ("2027-01-01,no,a\n2027-01-01,no,b\n", "该日期重复"),
        ("2026-05-05,no,x\n", "不属于 2027 年"),
        ('{"days": 5}', "需要日期列表"),
        ("[1, 2]", "第 1 行"),
        ('[{"date": "2027-01-01", "working": false, "extra": 1}]', "第 1 行"),
        ('[{"date": ["2027-01-01"], "working": false}]', "第 1 行"),
        ("[" * 100_000, "既不是 JSON 也不是 CSV"),
        ("2027-01-01,no,x,y,z\n" + "\x00\x00", None),
        ('"unclosed', None),
        ("", "没有任何日期"),
    ],
)
def test_a_bad_file_is_refused_whole(company: Company, content: str, said: str | None) -> None:
    door = Door(company.app, company.ann, "page")
    file = (BytesIO(content.encode()), "days.csv")
    answer = door.client.post("/calendar/preview", data={**YEAR, "file": file, "csrf_token": door.token})
    assert answer.status_code in (409, 422), answer.text
    if said:
        assert said in answer.text
    assert YEAR["source"] in answer.text, "what was typed is kept"
    assert not loaded(company)


def test_a_year_comes_as_an_excel_sheet_too(company: Company) -> None:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet, as_day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ("date", "working", "name"))
        sheet.write_datetime(1, 0, datetime(2027, 2, 8), as_day)
        sheet.write_row(1, 1, ("no", "春节"))
        sheet.write_row(2, 0, ("2027/2/20", "yes", "春节调休"))
    door = Door(company.app, company.ann, "page")
    file = (BytesIO(buffer.getvalue()), "2027.xlsx")
    answer = door.client.post("/calendar/preview", data={**YEAR, "file": file, "csrf_token": door.token})
    assert answer.status_code == 200, answer.text
    assert "2027-02-08" in answer.text
    assert "2027-02-20" in answer.text
    data = {**YEAR, "file": (BytesIO(buffer.getvalue()[:900]), "2027.xlsx"), "csrf_token": door.token}
    assert door.client.post("/calendar/preview", data=data).status_code == 422, "damaged"


def test_a_notice_that_contradicts_another_is_refused(company: Company) -> None:
    """Such a table would stop every deadline of the product."""
    wrong = calendars.days_from([{"date": date(2026, 12, 31), "working": False, "name": ""}])
    company.call(calendars.load, "ann", 2027, wrong, "x")
    contradiction = calendars.days_from([{"date": date(2026, 12, 31), "working": True, "name": ""}])
    with pytest.raises(Refused, match="another year"):
        company.call(calendars.load, "ann", 2026, contradiction, "y")


def test_an_unpublished_year_is_reckoned_less_the_lunar_holidays_too(both: Company) -> None:
    with both.reading() as session:
        calendar = working_calendar(session)
        assert not calendar.is_published(2027)
        # New Year's Eve to the third day of the lunar year, Qingming, Dragon Boat, Mid-Autumn
        off = [date(2027, 2, 5), date(2027, 2, 8), date(2027, 4, 5), date(2027, 6, 9), date(2027, 9, 15)]
        assert [calendar.is_working_day(day) for day in off] == [False] * 5
        assert calendar.is_working_day(date(2027, 2, 9))
        due = calendar.nth_working_day(date(2027, 2, 4), 1)
        assert (due.on, due.provisional) == (date(2027, 2, 9), True)
        assert [calendar.is_working_day(date(2028, 1, day)) for day in (25, 26, 27, 28, 31)] == [False] * 4 + [True]


def test_the_preview_of_a_year_keeps_the_lunar_holidays_of_the_others(company: Company, monkeypatch) -> None:
    laid = []
    monkeypatch.setattr(calendars, "foresee", lambda _session, after, _now: laid.append(after) or Impact(0, 0))
    days = calendars.days_from([{"date": date(2027, 1, 1), "working": False, "name": "元旦"}])
    with company.reading() as session:
        calendars.preview(session, company.actor(session, "ann"), 2027, days, NOW, is_empty=False)
    assert laid[0].is_working_day(date(2027, 2, 8)), "published now, and not named"
    assert not laid[0].is_working_day(date(2028, 1, 26))


def test_the_names_of_a_withdrawn_amendment_are_gone(company: Company) -> None:
    first = calendars.days_from([{"date": date(2027, 2, 20), "working": False, "name": "撤回的通知"}])
    second = calendars.days_from([{"date": date(2027, 1, 1), "working": False, "name": "元旦"}])
    company.call(calendars.load, "ann", 2027, first, "first")
    company.call(calendars.load, "ann", 2027, second, "second")
    with company.reading() as session:
        shown = calendars.year(session, company.actor(session, "li"), 2027)
        named = {day.on: (day.kind, day.name) for day in shown.days if day.name}
        assert named == {date(2027, 1, 1): ("off", "元旦")}
        assert next(day.kind for day in shown.days if day.on == date(2027, 2, 20)) == "weekend"


def test_a_loading_that_is_undone_leaves_no_trace_in_the_calendar(both: Company) -> None:
    undone = {date(2027, 1, 4): (False, "作废")}
    numbers = []

    def load_in_vain() -> None:
        with both.writing() as session:
            numbers.append(load_year(session, 2027, undone, "undone", None, NOW).id)
            assert not working_calendar(session).is_working_day(date(2027, 1, 4)), "seen by who loads it"
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        load_in_vain()
    made = numbers[0]
    # Where the engine gives the number anew, another notice now has it
    with both.writing() as session:
        session.add(CalendarNotice(id=made, year=2027, source="kept", loaded_by_id=None, loaded_at=NOW))
    with both.reading() as session:
        calendar = working_calendar(session)
        assert (calendar.version, calendar.is_working_day(date(2027, 1, 4))) == (made, True)


def test_former_versions_stay_readable(company: Company) -> None:
    first = calendars.days_from([{"date": date(2027, 1, 1), "working": False, "name": "元旦"}])
    company.call(calendars.load, "ann", 2027, first, "first")
    company.call(calendars.load, "bob", 2027, {}, "second", is_empty=True)
    with company.reading() as session:
        shown = calendars.year(session, company.actor(session, "li"), 2027)
        told = [(one.notice.source, one.loaded_by, one.in_force) for one in shown.versions]
        assert told == [("second", "鲍勃", True), ("first", "安娜", False)]
        assert session.scalar(select(func.count()).where(CalendarNotice.year == 2027)) == 2


def test_only_administrators_load(company: Company) -> None:
    with pytest.raises(Forbidden):
        company.call(calendars.load, "gm", 2027, {}, "x", is_empty=True)
    client = builders.sign_in(company.app, company.gm)
    assert client.get("/calendar").status_code == 200, "everybody reads it"
    assert client.get("/calendar/load").status_code == 403


def test_a_rival_loading_is_noticed(company: Company) -> None:
    with company.reading() as session:
        version = working_calendar(session).version
    company.call(calendars.load, "ann", 2028, {}, "x", is_empty=True)
    with pytest.raises(Conflict):
        company.call(calendars.load, "bob", 2027, {}, "y", is_empty=True, seen_version=version)


@pytest.mark.parametrize(
    ("received_at", "working_days", "due_at", "counted"),
    [
        # Wednesday evening before the National Day holiday: Saturday 2026-10-10 is worked
        ("2026-09-30T18:00:00+08:00", 3, "2026-10-10T17:30:00+08:00", ["2026-10-08", "2026-10-09", "2026-10-10"]),
        ("2026-11-20T18:00:00+08:00", 1, "2026-11-23T17:30:00+08:00", ["2026-11-23"]),
        # 01:00 in Shanghai is the day before in UTC
        ("2026-11-22T17:00:00+00:00", 1, "2026-11-24T17:30:00+08:00", ["2026-11-24"]),
    ],
)
def test_a_deadline_is_proven_day_by_day(company: Company, received_at, working_days, due_at, counted) -> None:
    client = builders.sign_in(company.app, company.li)
    query = {"received_at": received_at, "working_days": working_days}
    answer = client.get("/api/v1/calendar/deadline", query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.json["due_at"] == due_at
    assert answer.json["provisional"] is False
    assert [day["date"] for day in answer.json["days"] if day["counts"]] == counted
    assert all(day["why"] for day in answer.json["days"])
    assert answer.json["calendar_version"] > 0


def test_a_deadline_into_a_year_not_published_is_provisional(company: Company) -> None:
    client = builders.sign_in(company.app, company.li)
    query = {"received_at": "2026-12-31T10:00:00+08:00", "working_days": 3}
    before = client.get("/api/v1/calendar/deadline", query_string=query).json
    assert before["provisional"] is True
    holiday = calendars.days_from([{"date": date(2027, 1, 4), "working": False, "name": ""}])
    company.call(calendars.load, "ann", 2027, holiday, "x")
    after = client.get("/api/v1/calendar/deadline", query_string=query).json
    assert after["provisional"] is False
    assert (before["due_at"][:10], after["due_at"][:10]) == ("2027-01-06", "2027-01-06")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"working_days": 3}, "received_at"),
        ({"received_at": "2026-11-23T10:00:00", "working_days": 3}, "received_at"),  # without a zone
        ({"received_at": "2026-11-23T10:00:00+08:00"}, "working_days"),
        ({"received_at": "2026-11-23T10:00:00+08:00", "working_days": 0}, "working_days"),
        ({"received_at": "2026-11-23T10:00:00+08:00", "working_days": 251}, "working_days"),
        ({"received_at": "1999-01-01T10:00:00+08:00", "working_days": 1}, "received_at"),
        ({"received_at": "9999-12-31T23:00:00-08:00", "working_days": 1}, "received_at"),
        ({"received_at": "0001-01-01T00:00:00+23:00", "working_days": 1}, "received_at"),
        ({"received_at": "2040-12-31T10:00:00+08:00", "working_days": 1}, "received_at"),
    ],
)
def test_a_question_that_has_no_answer_says_why(company: Company, query: dict, field: str) -> None:
    client = builders.sign_in(company.app, company.li)
    answer = client.get("/api/v1/calendar/deadline", query_string=query)
    assert answer.status_code == 422, answer.text
    assert set(answer.json["errors"]) == {field}


def test_the_page_reckons_and_shows_the_proof(company: Company) -> None:
    client = builders.sign_in(company.app, company.li)
    page = client.get("/calendar?year=2026&received_at=2026-09-30T18:00&working_days=3").text
    assert "2026-10-10 17:30" in page
    assert "调休上班日，第 3 个工作日" in page
    assert client.get("/calendar?year=2026&received_at=1999-01-01T00:00&working_days=3").status_code == 200
    assert client.get("/calendar?year=1900").status_code == 422


def test_a_day_given_twice_is_an_error() -> None:
    rows = [{"date": date(2027, 1, 1), "working": False}, {"date": date(2027, 1, 1), "working": False}]
    with pytest.raises(Invalid):
        calendars.days_from(rows)


def test_a_year_s_month_grid_is_complete(company: Company) -> None:
    client = builders.sign_in(company.app, company.li)
    page = client.get("/calendar?year=2024").text
    assert page.count('class="cal-day is-') == 366 + 3, "every day of a leap year, and the legend"


def test_strangers_see_nothing(company: Company) -> None:
    assert company.app.test_client().get("/api/v1/calendar/years/2026").status_code == 401
    with company.reading() as session:
        assert calendars.next_year_missing(session, NOW) == 2027


def test_every_built_in_day_has_a_name_in_each_language(company: Company) -> None:
    named = {name for days in built_in_years().values() for _working, name in days.values()}
    assert named <= set(HOLIDAYS)
    assert 'title="端午节"' in builders.sign_in(company.app, company.li).get("/calendar?year=2026").text
