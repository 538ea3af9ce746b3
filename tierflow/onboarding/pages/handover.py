"""Handing a portfolio over: the list, the proposal, the signatures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.portfolios import label_of
from tierflow.common.users import User
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import mark
from tierflow.onboarding.models import Handover
from tierflow.onboarding.pages.blueprint import ROW_ID, bp
from tierflow.onboarding.rules.handover import STANDING_LABELS, Standing
from tierflow.onboarding.schemas import portfolio as given
from tierflow.onboarding.service import handover as service
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.inbox import Kind
from tierflow.web.inbox import row as inbox_row
from tierflow.web.navigation import Nav
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

HANDOVER = f"/handovers/<{ROW_ID}:handover_id>"

NAV = [Nav(mark("Customers"), 16, mark("Handovers"), "arrow-left-right", "onboarding.handovers", "handover.read")]

BADGES = {
    Standing.PROPOSED: ("warn", "pen"),
    Standing.SIGNED: ("info", "calendar-check"),
    Standing.DUE: ("warn", "alarm"),
    Standing.DONE: ("ok", "check-circle-fill"),
    Standing.ENDED: ("neutral", "x-circle"),
}


def badge(standing: Standing) -> dict[str, str]:
    """Where a handover stands, as a badge."""
    kind, icon = BADGES[standing]
    return {"kind": kind, "text": show(STANDING_LABELS[standing]), "icon": icon}


def told(refusals: tuple[Refusal, ...]) -> list[dict[str, str]]:
    """Refusals for the macro."""
    return [{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals]


@bp.get("/handovers")
@reads("handover.read")
def handovers(*, session: Session, actor: Actor, now: datetime) -> str:
    """The handovers one has part in, newest first."""
    page = service.list_handovers(session, actor, now, cursor=request.args.get("cursor"))
    rows = [(row, badge(row.standing)) for row in page.rows]
    return render_template("onboarding/handovers.html", rows=rows, page=page)


@bp.get("/handovers/new")
@reads("handover.write")
def new_handover(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form; an account manager gives their own."""
    values = {"giver_id": request.args.get("giver") or "", "effective_on": local_day(now).isoformat()}
    if not values["giver_id"] and actor.holds(Role.ACCOUNT_MANAGER):
        values["giver_id"] = str(actor.user_id)
    return _new(session, now, values, {}, ())


def _new(session: Session, now: datetime, values: Any, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    givers, takers = service.candidates(session, now)
    return render_template(
        "onboarding/handover_new.html",
        values=values,
        errors=errors,
        refusals=told(refusals),
        givers=[(user.id, user.name) for user in givers],
        takers=[(user.id, user.name) for user in takers],
        today=local_day(now).isoformat(),
    )


def _new_again(*, session: Session, now: datetime, errors: Any, refusals: tuple[Refusal, ...], **_rest: Any) -> str:
    return _new(session, now, request.form.to_dict(), flat_errors(errors), refusals)


@bp.post("/handovers/new")
@writes("handover.write", on_invalid=_new_again)
def propose_handover(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Propose it."""
    made = service.propose(session, actor, load(given.ProposeSchema(), form_data()), now)
    flash(_("Proposed. Both must sign."), "ok")
    return redirect(url_for("onboarding.handover", handover_id=made.id))


@bp.get(HANDOVER)
@reads("handover.read")
def handover(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> str:
    """One handover: what lies with the giver, the signatures, what was moved."""
    return _shown(session, actor, now, handover_id, {}, ())


def _shown(
    session: Session, actor: Actor, now: datetime, handover_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    found = service.view(session, actor, handover_id, now)
    moved = found.row.handover.moved.items()
    return render_template(
        "onboarding/handover.html",
        view=found,
        handover=found.row.handover,
        badge=badge(found.row.standing),
        held=[(show(held.share.label), f"{held.number:,}") for held in found.held],
        moved=[(show(label_of(key)), f"{number:,}") for key, number in moved],
        steps=_steps(found, local_day(now)),
        ended_by=session.get(User, found.row.handover.ended_by_id) if found.row.handover.ended_by_id else None,
        errors=errors,
        refusals=told(refusals),
    )


def _steps(found: service.HandoverView, on: date) -> list[dict[str, Any]]:
    """Proposal, signatures and effect, as the stepper shows them."""
    from tierflow.web.shell import day, moment

    row, it = found.row, found.row.handover
    ended = row.standing is Standing.ENDED

    def signed(label: str, who: str, at: datetime | None, reason: str = "") -> dict[str, Any]:
        state = "approved" if at else "void" if ended else "current"
        words = _("Signed") if at else _("Not signed") if ended else _("To be signed")
        return {"label": label, "state": state, "verdict": words, "who": who, "at": moment(at), "reason": reason}

    signer = found.giver_signed_by.name if found.giver_signed_by else row.giver.name
    effect = "approved" if it.done_at else "void" if ended else "current" if row.standing is Standing.DUE else "waiting"
    return [
        {
            "label": _("Proposed"),
            "state": "approved",
            "verdict": _("Done"),
            "who": found.proposed_by.name,
            "for_whom": found.proposed_for,
            "at": moment(it.proposed_at),
        },
        signed(_("Giver signs"), signer, it.giver_signed_at, it.absence) | {"for_whom": found.giver_signed_for},
        signed(_("Taker signs"), row.taker.name, it.taker_signed_at),
        {
            "label": _("Takes effect on %(day)s", day=day(it.effective_on)),
            "state": effect,
            "verdict": {"approved": _("Done"), "void": _("Given up"), "current": _("Due now")}.get(effect),
            "who": "",
            "at": moment(it.done_at),
        },
    ]


def _again(
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    handover_id: int,
    errors: Any,
    refusals: tuple[Refusal, ...],
    **_rest: Any,
) -> str:
    return _shown(session, actor, now, handover_id, flat_errors(errors), refusals)


@bp.post(f"{HANDOVER}/sign")
@writes("handover.write", on_invalid=_again)
def sign_handover(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> BaseResponse:
    """Sign as giver, for the giver, or as taker."""
    data = load(given.SignSchema(), form_data())
    made = service.sign(session, actor, handover_id, data["side"], now, absence=data["absence"] or "")
    flash(_("Signed; the portfolio is handed over.") if made.done_at else _("Signed."), "ok")
    return redirect(url_for("onboarding.handover", handover_id=handover_id))


@bp.post(f"{HANDOVER}/complete")
@writes("handover.write", on_invalid=_again)
def complete_handover(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> BaseResponse:
    """Bring a due handover about."""
    service.complete(session, actor, handover_id, now)
    flash(_("The portfolio is handed over."), "ok")
    return redirect(url_for("onboarding.handover", handover_id=handover_id))


@bp.post(f"{HANDOVER}/end")
@writes("handover.write", on_invalid=_again)
def end_handover(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> BaseResponse:
    """Give it up."""
    service.end(session, actor, handover_id, load(ReasonSchema(), form_data())["reason"], now)
    flash(_("Given up; nothing was moved."), "ok")
    return redirect(url_for("onboarding.handovers"))


def waiting(actor: Actor) -> Iterable[Select[Any]]:
    """For the inbox: handovers that wait for one's signature."""
    title = User.name
    base = inbox_row("handover", Handover.id, title, Handover.proposed_at, Handover.proposed_at)
    yield base.join(User, User.id == Handover.giver_id).where(*service.waiting(actor))


def init(app: Flask) -> None:
    """Attach navigation and inbox."""
    app.extensions["nav"] += NAV
    app.extensions["inbox_sources"].append(waiting)
    app.extensions["inbox_kinds"]["handover"] = Kind(
        mark("Handover to sign"), "arrow-left-right", "onboarding.handover", "handover_id"
    )
