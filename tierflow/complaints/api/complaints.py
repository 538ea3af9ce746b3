"""JSON of complaints: take, look, act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.uploads import Upload
from tierflow.complaints.acts import ACTS, Act
from tierflow.complaints.api import rows
from tierflow.complaints.models import Complaint
from tierflow.complaints.schemas import given, shown, shown_desk
from tierflow.complaints.schemas.reckoning import ReckoningOut
from tierflow.complaints.service import intake, papers, queries, reckoning, redating, statistics, whole
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.openapi import SCAN, api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("complaints", "Complaints")

ROW_ID = "int(max=9007199254740991)"
ONE = f"/complaints/<{ROW_ID}:complaint_id>"

SORTS = {"due": Complaint.due_at, "number": Complaint.id}


def sorts(wanted: str) -> list[Sort]:
    """The keys of the list's order: due or number, a leading minus for the other way round."""
    name = wanted.removeprefix("-")
    first = Sort(name, SORTS[name], wanted.startswith("-"))
    return [first] if name == "number" else [first, Sort("id", Complaint.id, wanted.startswith("-"))]


@blp.route("/complaints", methods=["GET"])
@reads("complaint.read")
@blp.arguments(given.ListSchema, location="query")
@blp.response(200, shown.ComplaintPageOut)
def list_complaints(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The complaints you may see."""
    query = queries.complaints(actor, wanted, now)
    found = page_of(session, query, sorts(wanted["sort"]), cursor=wanted["cursor"], size=wanted["size"])
    make = queries.Cards(session, now)
    return rows.page(found, [rows.card(make.of(row)) for row in found.rows])


@blp.route("/complaints", methods=["POST"])
@writes("complaint.write")
@blp.arguments(given.TakeSchema)
@blp.response(201, shown.ComplaintOut)
def take(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Accept a complaint. An unknown or suspended customer is accepted all the same, and marked."""
    complaint = intake.take(session, actor, data, now)
    return rows.whole(whole.whole(session, actor, complaint.id, now))


@blp.route("/complaints/board", methods=["GET"])
@reads("complaint.read")
@blp.arguments(given.MineSchema, location="query")
@blp.response(200, shown.BoardOut)
def board(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Open complaints by state, the most urgent first."""
    found = queries.board(session, actor, now, mine=wanted["mine"])
    return {
        "columns": [
            {"state": each.state, "count": each.count, "cards": [rows.card(card) for card in each.cards]}
            for each in found
        ]
    }


@blp.route("/complaints/calendar", methods=["GET"])
@reads("complaint.read")
@blp.arguments(given.CalendarSchema, location="query")
@blp.response(200, shown.MonthOut)
def calendar(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What is due on each day of a month."""
    month = wanted["month"] or Month.of(local_day(now))
    weeks = queries.month_view(session, actor, month, now)
    days = [
        {"date": day.on, "works": day.works, "complaints": [rows.card(card) for card in day.cards]}
        for week in weeks
        for day in week
        if day.in_month
    ]
    return {"month": month, "days": days}


@blp.route("/complaints/statistics", methods=["GET"])
@reads("complaint.read")
@blp.arguments(given.FiguresSchema, location="query")
@blp.response(200, shown.FiguresOut)
def figures(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """In time, median working minutes, by month, severity and product."""
    first, last = stretch(wanted, now)
    return statistics.figures(session, actor, first, last, wanted, now)


def stretch(wanted: dict[str, Any], now: datetime) -> tuple[Month, Month]:
    """The months asked for: the last twelve where nothing was said."""
    last = wanted["last"] or Month.of(local_day(now))
    first = wanted["first"]
    if first is None:
        first = last
        for _month in range(11):
            first = first.previous()
    return first, last


@blp.route("/complaints/redating", methods=["GET"])
@reads("complaint.read")
@blp.response(200, shown_desk.ProposalsOut)
def proposals(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Open due times that an amended calendar would move; somebody decides each."""
    found = redating.proposed(session, actor)
    return {
        "rows": [
            {
                "complaint_id": each.complaint.id,
                "number": each.complaint.number,
                "due_at": each.clock.due_at,
                "would_be_at": each.would_be.planned.due_at,
            }
            for each in found
        ]
    }


@blp.route(ONE, methods=["GET"])
@reads("complaint.read")
@blp.response(200, shown.ComplaintOut)
def read(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> Any:
    """A complaint whole."""
    return rows.whole(whole.whole(session, actor, complaint_id, now))


@blp.route(f"{ONE}/clock", methods=["GET"])
@reads("complaint.read")
@blp.response(200, ReckoningOut)
def clock(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> Any:
    """How the due time was worked out, day by day."""
    return rows.reckoning(reckoning.reckon(session, actor, complaint_id))


@blp.route(f"{ONE}/files", methods=["POST"])
@writes("complaint.write")
@blp.arguments(given.PhotosSchema, location="files")
@blp.response(201, shown.ComplaintOut)
def add_files(sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, complaint_id: int) -> Any:
    """Photos and papers that come in later; multipart, field `photos`, several times if need be."""
    uploads = [Upload(file.filename or "", file.stream.read()) for file in sent["photos"]]
    intake.add_photos(session, actor, complaint_id, uploads, now)
    return rows.whole(whole.whole(session, actor, complaint_id, now))


@blp.route(f"{ONE}/files/<{ROW_ID}:file_id>", methods=["GET"])
@reads("complaint.read")
@blp.doc(responses=SCAN)
def read_file(*, session: Session, actor: Actor, now: datetime, complaint_id: int, file_id: int) -> Any:
    """A photo or paper."""
    return inline(session, papers.file_for(session, actor, complaint_id, file_id))


def _register(act: Act) -> None:
    def view(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, complaint_id: int) -> Any:
        act.verb(session, actor, complaint_id, data, now)
        return rows.whole(whole.whole(session, actor, complaint_id, now))

    view.__name__ = act.key
    view.__doc__ = f"{act.title}. {act.hint} ({act.clause})"
    door = blp.response(200, shown.ComplaintOut)(view)
    door = writes(act.action)(blp.arguments(act.schema)(door))
    blp.route(f"{ONE}/{act.key}", methods=["POST"])(door)


for _act in ACTS:
    _register(_act)
