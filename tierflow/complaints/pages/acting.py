"""The acts on a complaint: for each row of `acts.ACTS` a page with its form, and the door the form is sent to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.calendars import working_calendar
from tierflow.complaints.acts import ACTS, Act
from tierflow.complaints.pages import choices, views
from tierflow.complaints.pages.blueprint import ONE, bp
from tierflow.complaints.pages.intake import local_input
from tierflow.complaints.rules.clock import department_due
from tierflow.complaints.rules.words import Severity
from tierflow.complaints.service import clocks, redating, templates
from tierflow.complaints.service import whole as whole_service
from tierflow.complaints.service.whole import Whole
from tierflow.kernel.errors import Refusal
from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load

BLANK_MEASURES = 3

Extra = Callable[[Session, Actor, Whole, datetime], dict[str, Any]]


def _consult(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    clock = found.card.clock
    due = department_due(now, None, clock.due_at, clocks.terms_of(session, clock), working_calendar(session))
    return {
        "departments": choices.department_options(session, now),
        "values": {"due_at": local_input(due)},
        "latest": local_input(clock.due_at),
    }


def _propose(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    opinion = found.present_opinion
    values: dict[str, Any] = {}
    if opinion is not None:
        values = {"cause": opinion.opinion.cause, "proposal": opinion.opinion.proposal}
        for at, (measure, _owner) in enumerate(opinion.measures):
            values |= _measure_values(at, measure)
    kept = len(opinion.measures) if opinion is not None else 0
    return {
        "values": values,
        "blank_rows": range(kept + BLANK_MEASURES),
        "kinds": choices.measure_options(),
        "owners": choices.owner_options(session),
        "answers": [row for row in found.consultations if row[0].answered_at is not None],
        "meetings": found.present_meetings,
    }


def _measure_values(at: int, measure: Any) -> dict[str, Any]:
    tonnes = "" if measure.quantity_grams is None else format_tonnes(measure.quantity_grams)
    amount = "" if measure.amount_fen is None else format_yuan(measure.amount_fen)
    row = {
        "kind": measure.kind,
        "what": measure.what,
        "tonnes": tonnes,
        "amount": amount,
        "owner_id": measure.owner_id,
        "due_on": measure.due_on.isoformat(),
    }
    return {f"measures.{at}.{name}": value for name, value in row.items()}


def _meeting(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    return {"values": {"held_at": local_input(now)}, "latest": local_input(now)}


def _extend(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    clock = found.card.clock
    terms = clocks.terms_of(session, clock)
    first = terms.limits[Severity(clock.severity)] + 1
    calendar = working_calendar(session)
    days = []
    for day in range(first, terms.longest + 1):
        due = calendar.deadline_at(clock.received_at, day, terms.closes_at)
        days.append((day, due.at))
    return {"days": days, "values": {"to_day": terms.longest}}


def _tell(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    complaint, opinion = found.card.complaint, found.present_opinion
    words = {
        "customer": complaint.customer_name,
        "contact": complaint.contact_name,
        "number": complaint.number,
        "product": views.product_name(found.card.product),
        "batch": complaint.batch,
        "proposal": opinion.opinion.proposal if opinion else "",
    }
    return {
        "values": {
            "told_at": local_input(now),
            "told_to": complaint.contact_name,
            "channel": complaint.channel,
            "reply": opinion.opinion.proposal if opinion else "",
        },
        "channels": choices.channel_options(),
        "ready": templates.ready(session, "complaint", words),
        "latest": local_input(now),
    }


def _classify(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    terms = clocks.terms_of(session, found.card.clock)
    cards = [card for card in choices.severity_cards(terms.limits) if card["value"] != found.card.complaint.severity]
    return {"severities": cards}


def _identify(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    return {"customers": choices.customer_choices(session, actor)}


def _close(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    return {"scores": choices.satisfaction_options()}


def _response(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    return {
        "values": {"said_at": local_input(now), "said_by": found.card.complaint.contact_name},
        "latest": local_input(now),
    }


def _reopen(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    return {"values": {"said_at": local_input(now)}, "latest": local_input(now)}


def _redate(session: Session, actor: Actor, found: Whole, now: datetime) -> dict[str, Any]:
    proposed = redating.proposed(session, actor)
    mine = next((each for each in proposed if each.complaint.id == found.card.complaint.id), None)
    return {"proposed": mine}


EXTRAS: dict[str, Extra] = {
    "consult": _consult,
    "propose": _propose,
    "meeting": _meeting,
    "extend": _extend,
    "tell": _tell,
    "classify": _classify,
    "identify": _identify,
    "close": _close,
    "response": _response,
    "reopen": _reopen,
    "redate": _redate,
}


def _page(
    act: Act,
    session: Session,
    actor: Actor,
    now: datetime,
    complaint_id: int,
    typed: dict[str, Any] | None,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    found = whole_service.whole(session, actor, complaint_id, now)
    extra = EXTRAS[act.key](session, actor, found, now) if act.key in EXTRAS else {}
    first = extra.pop("values", {})
    return render_template(
        f"complaints/acts/{act.key}.html",
        act=act,
        found=found,
        complaint=found.card.complaint,
        card=views.card(found.card, now),
        facts=views.facts(found),
        values=first if typed is None else typed,
        errors=errors,
        refusals=[{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals],
        **extra,
    )


def _command(act: Act, session: Session, actor: Actor) -> dict[str, Any]:
    raw = form_data()
    if act.key == "identify":
        customer = choices.customer_named(session, actor, raw.pop("customer", None))
        raw["customer_id"] = customer.id if customer is not None else None
    loaded: dict[str, Any] = load(act.schema(), raw)
    return loaded


def _register(act: Act) -> None:
    @reads(act.action)
    def form(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> str:
        return _page(act, session, actor, now, complaint_id, None, {}, ())

    def again(
        *,
        session: Session,
        actor: Actor,
        now: datetime,
        complaint_id: int,
        errors: Any,
        refusals: tuple[Refusal, ...],
    ) -> str:
        flat = flat_errors(errors)
        if "customer_id" in flat:
            flat["customer"] = flat.pop("customer_id")
        return _page(act, session, actor, now, complaint_id, request.form.to_dict(), flat, refusals)

    @writes(act.action, on_invalid=again)
    def door(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> BaseResponse:
        act.verb(session, actor, complaint_id, _command(act, session, actor), now)
        flash(show(act.done), "ok")
        return redirect(url_for("complaints.detail", complaint_id=complaint_id))

    bp.add_url_rule(f"{ONE}/{act.key}", act.key, form, methods=["GET"])
    bp.add_url_rule(f"{ONE}/{act.key}", f"{act.key}_post", door, methods=["POST"])


for _act in ACTS:
    _register(_act)
