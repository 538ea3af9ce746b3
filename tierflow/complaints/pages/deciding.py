"""Deciding, in two clicks from the inbox: the opinion beside the facts, the extension beside the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common import approvals
from tierflow.common.calendars import working_calendar
from tierflow.complaints.pages import story, views
from tierflow.complaints.pages.blueprint import ROW_ID, bp
from tierflow.complaints.rules import acts
from tierflow.complaints.schemas import given
from tierflow.complaints.service import clocks, extensions, opinions
from tierflow.complaints.service import whole as whole_service
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load

OPINION = f"/complaint-opinions/<{ROW_ID}:opinion_id>"
EXTENSION = f"/complaint-extensions/<{ROW_ID}:extension_id>"


def told(refusals: tuple[Refusal, ...]) -> list[dict[str, str]]:
    """Refusals for the macro."""
    return [{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals]


@bp.get(OPINION)
@reads("complaint.read")
def opinion(*, session: Session, actor: Actor, now: datetime, opinion_id: int) -> str:
    """The opinion, all it rests on, and the buttons for who may decide it."""
    return _opinion(session, actor, now, opinion_id, {}, ())


def _opinion(
    session: Session,
    actor: Actor,
    now: datetime,
    opinion_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    row, complaint = opinions.get(session, actor, opinion_id)
    found = whole_service.whole(session, actor, complaint.id, now)
    seen = next(each for each in found.opinions if each.opinion.id == row.id)
    why_not = approvals.why_not(session, seen.case, actor)
    standing = clocks.standing_of(session, found.card.complaint, found.card.clock)
    missing = acts.why_not_submit_opinion(standing, clocks.terms_of(session, found.card.clock))
    waits = seen.case.state == State.IN_APPROVAL
    return render_template(
        "complaints/opinion.html",
        found=found,
        complaint=found.card.complaint,
        card=views.card(found.card, now),
        facts=views.facts(found),
        seen=seen,
        measures=[views.measure_row(measure, owner, now) for measure, owner in seen.measures],
        chain=story.chain_steps(seen.case, seen.decisions),
        may_decide=waits and not why_not and is_allowed(actor, "complaint.decide"),
        missing=told(missing) if waits else [],
        returned=seen.case.state == State.RETURNED,
        files=views.photo_files(found.files, lambda file_id: _file_url(complaint.id, file_id)),
        typed=request.form.to_dict(),
        errors=errors,
        refusals=told(refusals),
    )


def _file_url(complaint_id: int, file_id: int) -> str:
    return url_for("complaints.show_file", complaint_id=complaint_id, file_id=file_id)


def _opinion_again(
    *, session: Session, actor: Actor, now: datetime, opinion_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _opinion(session, actor, now, opinion_id, flat_errors(errors), refusals)


@bp.post(f"{OPINION}/decide")
@writes("complaint.decide", on_invalid=_opinion_again)
def decide_opinion(*, session: Session, actor: Actor, now: datetime, opinion_id: int) -> BaseResponse:
    """The leader's verdict."""
    opinions.decide(session, actor, opinion_id, load(given.LeaderVerdictSchema(), form_data()), now)
    flash(_("Your decision is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get(EXTENSION)
@reads("complaint.read")
def extension(*, session: Session, actor: Actor, now: datetime, extension_id: int) -> str:
    """The request for more time, and the buttons for who may decide it."""
    return _extension(session, actor, now, extension_id, {}, ())


def _extension(
    session: Session,
    actor: Actor,
    now: datetime,
    extension_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    row, complaint = extensions.get(session, actor, extension_id)
    found = whole_service.whole(session, actor, complaint.id, now)
    case, who, decisions = next(each[1:] for each in found.extensions if each[0].id == row.id)
    standing = clocks.standing_of(session, found.card.complaint, found.card.clock)
    void = acts.why_extension_is_void(standing, now)
    clock = found.card.clock
    closes_at = clocks.terms_of(session, clock).closes_at
    until = working_calendar(session).deadline_at(clock.received_at, row.to_day, closes_at)
    waits = case.state == State.IN_APPROVAL
    deciding = waits and not approvals.why_not(session, case, actor) and is_allowed(actor, "complaint.decide")
    return render_template(
        "complaints/extension.html",
        found=found,
        complaint=found.card.complaint,
        card=views.card(found.card, now),
        facts=views.facts(found),
        row=row,
        until=until.at,
        who=who,
        case=case,
        chain=story.chain_steps(case, decisions),
        may_decide=deciding and not void,
        void=told(void) if waits else [],
        typed=request.form.to_dict(),
        errors=errors,
        refusals=told(refusals),
    )


def _extension_again(
    *, session: Session, actor: Actor, now: datetime, extension_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _extension(session, actor, now, extension_id, flat_errors(errors), refusals)


@bp.post(f"{EXTENSION}/decide")
@writes("complaint.decide", on_invalid=_extension_again)
def decide_extension(*, session: Session, actor: Actor, now: datetime, extension_id: int) -> BaseResponse:
    """A leader's verdict on more time."""
    extensions.decide(session, actor, extension_id, load(given.ExtensionVerdictSchema(), form_data()), now)
    flash(_("Your decision is recorded."), "ok")
    return redirect(url_for("home.inbox"))
