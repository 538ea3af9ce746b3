"""What each resident factory office is concerned with: product lines and regions, for a period (CHEM-8.2).

An office without a tie is sent nothing. Nothing is deleted: a tie ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import lock_rows, plain
from tierflow.common import audit
from tierflow.common.reference import Office, OfficeTie, ProductLine, Region, lines_on, regions_on
from tierflow.kernel.errors import Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

OFFICE = "office"


@dataclass(frozen=True)
class TieRow:
    """A tie in words; `line` and `region` None mean every one. `state`: in_force, to_come, over."""

    tie: OfficeTie
    line: str | None
    region: str | None
    state: str


def of_office(session: Session, actor: Actor, office_id: int, now: datetime) -> list[TieRow]:
    """The ties of an office, those without an end first. Raises `NotFound`."""
    require(actor, "reference.read")
    if session.get(Office, office_id) is None:
        raise NotFound
    on = local_day(now)
    query = (
        select(OfficeTie, ProductLine.name, Region.name)
        .outerjoin(ProductLine, ProductLine.id == OfficeTie.product_line_id)
        .outerjoin(Region, Region.id == OfficeTie.region_id)
        .where(OfficeTie.office_id == office_id)
        .order_by(OfficeTie.to_on.is_not(None), OfficeTie.id)
    )
    return [TieRow(tie, line, region, _state(tie, on)) for tie, line, region in session.execute(query)]


def _state(tie: OfficeTie, on: date) -> str:
    if tie.from_on > on:
        return "to_come"
    return "in_force" if tie.to_on is None or tie.to_on > on else "over"


def office_of(session: Session, actor: Actor, tie_id: int) -> int:
    """Whose tie it is. Raises `NotFound`."""
    require(actor, "reference.read")
    row = session.get(OfficeTie, tie_id)
    if row is None:
        raise NotFound
    return row.office_id


def choices(session: Session, now: datetime) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Lines and regions in force, to tie an office to."""
    on = local_day(now)
    lines = [(row.id, f"{row.name} ({row.code})") for row in lines_on(session, on)]
    return lines, [(row.id, f"{row.name} ({row.code})") for row in regions_on(session, on)]


def tie(session: Session, actor: Actor, office_id: int, data: Mapping[str, Any], now: datetime) -> OfficeTie:
    """Tie an office to a line (None: all) in a region (None: all) from a day on. Raises `Invalid`, `Refused`.

    What it was not sent before follows by itself the next morning (CHEM-8.2).
    """
    require(actor, "reference.write")
    office = session.get(Office, office_id)
    if office is None:
        raise NotFound
    lock_rows(session, Office, [office.id])
    lines, regions = choices(session, now)
    wrong = {
        field: [text("Choose one of the list.")]
        for field, known in (("product_line_id", lines), ("region_id", regions))
        if data.get(field) is not None and data[field] not in dict(known)
    }
    if wrong:
        raise Invalid(wrong)
    found = []
    if data["from_on"] < local_day(now):
        found.append(Refusal(rules.HOUSE, text("It begins today at the earliest."), "from_on"))
    if office.to_on is not None and office.to_on <= data["from_on"]:
        found.append(Refusal(rules.HOUSE, text("The office has ended by then."), "from_on"))
    refuse_if_any(found)
    row = OfficeTie(
        office_id=office.id,
        product_line_id=data.get("product_line_id"),
        region_id=data.get("region_id"),
        from_on=data["from_on"],
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Invalid({"product_line_id": [text("The office is tied to this already.")]}) from error
    after = {name: plain(getattr(row, name)) for name in ("product_line_id", "region_id", "from_on")}
    audit.record(session, actor, "office.tie", OFFICE, office.id, now, after={"tie": row.id, **after})
    return row


def end(session: Session, actor: Actor, tie_id: int, to_on: date, now: datetime) -> OfficeTie:
    """Let a tie end: `to_on` is the first day without it. From that day the office sees those customers no more."""
    require(actor, "reference.write")
    row = session.get(OfficeTie, tie_id)
    if row is None:
        raise NotFound
    lock_rows(session, OfficeTie, [row.id])
    on = local_day(now)
    if row.to_on is not None and row.to_on <= on:
        refuse_if_any([Refusal(rules.HOUSE, text("This has ended already."))])
    refuse_if_any(rules.why_not_end(rules.Span(row.from_on, row.to_on), to_on, (), on))
    before, row.to_on = {"to_on": plain(row.to_on)}, to_on
    session.flush()
    after = {"tie": row.id, "to_on": plain(to_on)}
    audit.record(session, actor, "office.untie", OFFICE, row.office_id, now, before=before, after=after)
    return row
