"""JSON of monthly levels: run, look, confirm, adjust, pin, and the month under way."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.db import db
from tierflow.grading.api import rows
from tierflow.grading.models import GradingRun, LevelPin
from tierflow.grading.schemas import given, shown
from tierflow.grading.service import inputs, keying, late, looking, pins, runs, watching
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.access import View, reads, writes
from tierflow.web.context import current_actor
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("levels", "Monthly levels")

ROW_ID = "int(max=9007199254740991)"
RUN = f"/grading/runs/<{ROW_ID}:run_id>"
BY_MONTH = (Sort("month", GradingRun.month, True), Sort("id", GradingRun.id, True))


@blp.route("/grading/runs", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.RunsSchema, location="query")
@blp.response(200, shown.LevelRunPageOut)
def list_runs(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Runs, newest month first; those put aside are left out."""
    query = runs.recent(session, actor, wanted["product_line_id"])
    found = page_of(session, query, BY_MONTH, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.run(row) for row in found.rows])


@blp.route("/grading/runs", methods=["POST"])
@writes("grading.run")
@blp.arguments(given.LevelStartSchema)
@blp.response(201, shown.LevelRunOut)
def start(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Propose the levels a month earned. Large runs go on in the scheduler; ask again for the progress."""
    return rows.run(runs.start(session, actor, data["product_line_id"], data["month"], now))


_LINE = re.compile("[0-9]{1,15}")


def late_facts_looked_for(view: View) -> View:
    """Above the door of an adjustment: closed months are compared with their facts before the transaction begins."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        actor = current_actor()
        asked = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        line = str(asked.get("product_line_id")) if isinstance(asked, dict) else ""
        may = actor is not None and is_allowed(actor, "grading.run")
        with late.looked_for(db.session(), [int(line)] if may and _LINE.fullmatch(line) else []):
            return view(*args, **kwargs)

    return wrapper


@blp.route("/grading/adjustments", methods=["POST"])
@late_facts_looked_for
@writes("grading.run")
@blp.arguments(given.LineSchema)
@blp.response(201, shown.LevelRunOut)
def adjust(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Look for facts recorded after their month was decided, and propose what they change."""
    return rows.run(late.adjust(session, actor, data["product_line_id"], now))


@blp.route(RUN, methods=["GET"])
@reads("grading.read")
@blp.response(200, shown.LevelRunOut)
def read(*, session: Session, actor: Actor, now: datetime, run_id: int) -> Any:
    """One run, with its progress."""
    return rows.run(runs.get(session, run_id))


@blp.route(f"{RUN}/confirm", methods=["POST"])
@writes("grading.confirm")
@blp.arguments(given.NoteSchema)
@blp.response(200, shown.LevelRunOut)
def confirm(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, run_id: int) -> Any:
    """Confirm what a run proposed; an adjustment's months together."""
    return rows.run(runs.confirm(session, actor, run_id, data["note"], now))


@blp.route(f"{RUN}/again", methods=["POST"])
@writes("grading.run")
@blp.response(201, shown.LevelRunOut)
def again(*, session: Session, actor: Actor, now: datetime, run_id: int) -> Any:
    """Put a proposed run aside and decide its month anew."""
    return rows.run(runs.again(session, actor, run_id, now))


@blp.route(f"{RUN}/withdraw", methods=["POST"])
@writes("grading.run")
@blp.response(200, shown.LevelRunOut)
def withdraw(*, session: Session, actor: Actor, now: datetime, run_id: int) -> Any:
    """Put a proposed run aside, an adjustment whole."""
    return rows.run(runs.put_aside(session, actor, run_id, now))


@blp.route(f"{RUN}/decisions", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.DecisionsSchema, location="query")
@blp.response(200, shown.LevelDecisionPageOut)
def list_decisions(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, run_id: int) -> Any:
    """A run's moves, or everybody's levels, by customer."""
    run = runs.get(session, run_id)
    found = page_of(
        session, looking.decisions(actor, run, wanted), rows.BY_CUSTOMER, cursor=wanted["cursor"], size=wanted["size"]
    )
    old = looking.earlier(session, run, [row[0].customer_id for row in found.rows])
    return rows.page(found, [_decision(row, old.get(row[0].customer_id)) for row in found.rows])


def _decision(row: Any, before: Any) -> dict[str, Any]:
    seen, customer, region, manager = row
    return rows.decision(seen, customer, region, manager, before)


@blp.route(f"{RUN}/decisions/<{ROW_ID}:customer_id>", methods=["GET"])
@reads("grading.read")
@blp.response(200, shown.LevelProofOut)
def prove(*, session: Session, actor: Actor, now: datetime, run_id: int, customer_id: int) -> Any:
    """Why a customer's month came to its level: rule, inputs, policy version."""
    return rows.proof(looking.proof(session, actor, run_id, customer_id))


@blp.route("/grading/ways", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.WaysSchema, location="query")
@blp.response(200, shown.LevelWayPageOut)
def list_ways(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Tonnes to go this month to keep or to gain a level, nearest first."""
    today = local_day(now)
    line_id = wanted["product_line_id"] or first_line(session, now)
    query, keep, gain, _grams = watching.ways(session, actor, line_id, today, wanted)
    sorts = (Sort("way", gain if wanted["only"] == "gain" else keep), Sort("number", Customer.number))
    found = page_of(session, query, sorts, cursor=wanted["cursor"], size=wanted["size"])
    left = (Month.of(today).end - today).days
    return {**rows.page(found, [rows.way(*row) for row in found.rows]), "days_left": left}


def first_line(session: Session, now: datetime) -> int:
    """The first product line that has levels. Raises `NotFound`."""
    lines = watching.star_lines(session, local_day(now))
    if not lines:
        raise NotFound
    return lines[0].id


@blp.route(f"/customers/<{ROW_ID}:customer_id>/levels", methods=["GET"])
@reads("grading.read")
@blp.response(200, shown.LevelPicturesOut)
def customer_levels(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """Level, twelve months, history and tonnes to go, on each product line that has levels."""
    return {"lines": [rows.picture(each) for each in watching.pictures(session, actor, customer_id, now)]}


@blp.route(f"/customers/<{ROW_ID}:customer_id>/pins", methods=["POST"])
@writes("grading.pin")
@blp.arguments(given.PinSchema)
@blp.response(201, shown.LevelPinOut)
def ask_pin(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """Ask for a level by hand; the general manager decides."""
    pin = pins.ask(session, actor, customer_id, data, now)
    return rows.pin(session, pin, pins.case_of(session, pin.id))


@blp.route("/grading/pins", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.PinsSchema, location="query")
@blp.response(200, shown.LevelPinPageOut)
def list_pins(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Levels by hand, newest first."""
    query = pins.listed(actor, wanted["state"])
    found = page_of(session, query, [Sort("id", LevelPin.id, True)], cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, rows.pins(session, [(pin, case) for pin, _customer, case in found.rows]))


@blp.route(f"/grading/pins/<{ROW_ID}:pin_id>/decision", methods=["POST"])
@writes("grading.decide")
@blp.arguments(given.PinDecisionSchema)
@blp.response(200, shown.LevelPinOut)
def decide_pin(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, pin_id: int) -> Any:
    """Approve or reject a level by hand."""
    pin = pins.decide(session, actor, pin_id, data, now)
    return rows.pin(session, pin, pins.case_of(session, pin.id))


@blp.route("/grading/inputs", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.InputsSchema, location="query")
@blp.response(200, shown.InputsOut)
def read_inputs(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What evenness, payment discipline and papers of a customer's period are worked out of, as it stands today."""
    place = (wanted["product_line_id"], wanted["customer_id"], wanted["period"])
    return rows.inputs(inputs.shown(session, actor, *place, now))


@blp.route("/grading/facts", methods=["GET"])
@reads("grading.read")
@blp.arguments(given.FactsListSchema, location="query")
@blp.response(200, shown.MonthFactsPageOut)
def list_facts(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Offtake and indicators of everybody in a month; the month before this one unless another is asked."""
    month = wanted["month"] or Month.of(local_day(now)).previous()
    line_id = wanted["product_line_id"] or first_line(session, now)
    query, by_number = keying.listed(actor, line_id, month), [Sort("number", Customer.number)]
    found = page_of(session, query, by_number, cursor=wanted["cursor"], size=wanted["size"])
    told = rows.page(found, [rows.facts(*row) for row in found.rows])
    return {**told, "product_line_id": line_id, "month": str(month)}


@blp.route("/grading/facts", methods=["POST"])
@writes("grading.key")
@blp.arguments(given.FactsSchema)
@blp.response(200, shown.KeyedOut)
def key_facts(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Indicators of a month: plan, cooperation, evenness, payment; all rows or none."""
    return {"rows": keying.key(session, actor, data, now)}
