"""Disqualification: proposed with its evidence, decided by the general manager; the list of those (CHEM-17)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import Seen
from tierflow.common.customers import get_visible
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.onboarding.pages import matters, views
from tierflow.onboarding.pages.blueprint import CUSTOMER, ROW_ID, bp
from tierflow.onboarding.pages.renewing import sent
from tierflow.onboarding.rules.leaving import GROUNDS
from tierflow.onboarding.schemas import leaving as wanted
from tierflow.onboarding.service import blacklist, disqualifying
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import day

ONE = f"/disqualifications/<{ROW_ID}:disqualification_id>"


@bp.get(f"{CUSTOMER}/disqualify")
@reads("disqualification.write")
def disqualify(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """The form: ground, facts, evidence; and what the decision stops."""
    return _form(session, actor, customer_id, {}, ())


def _form(
    session: Session, actor: Actor, customer_id: int, errors: dict[str, Any], refusals: tuple[Refusal, ...]
) -> str:
    at_field, elsewhere = matters.split(refusals, ("ground", "facts", "file"))
    return render_template(
        "onboarding/disqualify.html",
        customer=get_visible(session, actor, customer_id),
        grounds=[{"value": key, "label": show(label)} for key, label in GROUNDS.items()],
        values=request.form.to_dict(),
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def _form_again(
    *, session: Session, actor: Actor, now: datetime, customer_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _form(session, actor, customer_id, flat_errors(errors), refusals)


@bp.post(f"{CUSTOMER}/disqualify")
@writes("disqualification.write", on_invalid=_form_again)
def disqualify_post(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> BaseResponse:
    """Propose it to the general manager."""
    data = load(wanted.DisqualifySchema(), form_data())
    row = disqualifying.propose(session, actor, customer_id, data, sent("file"), now)
    flash(_("Proposed; the general manager finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.disqualification", disqualification_id=row.id))


@bp.get(ONE)
@reads("disqualification.read")
def disqualification(*, session: Session, actor: Actor, now: datetime, disqualification_id: int) -> str:
    """The proposal, its evidence, the decision."""
    return _page(session, actor, now, disqualification_id, {}, ())


def _page(
    session: Session,
    actor: Actor,
    now: datetime,
    disqualification_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    view = disqualifying.view(session, actor, disqualification_id)

    def url(_file_id: int) -> str:
        return url_for("onboarding.disqualification_file", disqualification_id=view.row.id)

    at_field, elsewhere = matters.split(refusals, ("reason",))
    return render_template(
        "onboarding/disqualification.html",
        row=view.row,
        ground=show(GROUNDS[view.row.ground]),
        who=view.proposed_by.name,
        files=views.viewer_files([{"label": _("Evidence"), "file": views.file(view.file, url), "validity": None}]),
        errors={**errors, **at_field},
        refusals=elsewhere,
        reason=request.form.get("reason", ""),
        **matters.of_case(session, actor, view.case, view.customer, "disqualification.decide", now),
    )


def _again(
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    disqualification_id: int,
    errors: Any,
    refusals: tuple[Refusal, ...],
) -> str:
    return _page(session, actor, now, disqualification_id, flat_errors(errors), refusals)


@bp.post(f"{ONE}/decide")
@writes("disqualification.decide", on_invalid=_again)
def decide_disqualification(*, session: Session, actor: Actor, now: datetime, disqualification_id: int) -> BaseResponse:
    """The general manager's decision."""
    given = load(wanted.YesNoSchema(), form_data())
    seen, verdict = Seen(given["version"], given["step"]), Verdict(given["verdict"])
    disqualifying.decide(session, actor, disqualification_id, seen, verdict, now, reason=given["reason"] or "")
    flash(_("Your verdict is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get(f"{ONE}/files/evidence")
@reads("disqualification.read")
def disqualification_file(*, session: Session, actor: Actor, now: datetime, disqualification_id: int) -> Response:
    """The evidence."""
    return inline(session, disqualifying.evidence(session, actor, disqualification_id))


@bp.get("/disqualified")
@reads("disqualification.read")
def disqualified(*, session: Session, actor: Actor, now: datetime) -> str:
    """The list that opening an account checks."""
    asked = load(wanted.DisqualifiedScreenFilter(), request.args.to_dict())
    undecided = blacklist.waiting(session, actor, cursor=asked.pop("waiting"))
    page = disqualifying.disqualified(session, actor, **asked)
    may_propose = is_allowed(actor, "disqualification.write")
    rows = [
        {
            "name": one.row.name,
            "former_names": ", ".join(one.former_names),
            "code": one.row.credit_code or one.row.organisation_code or "",
            "legal_representative": one.row.legal_representative,
            "ground": show(GROUNDS[one.row.ground]),
            "reason": one.row.reason,
            "since": day(one.row.since),
            "readmitted_on": day(one.row.readmitted_on),
            "is_struck": one.row.readmitted_application_id is None,
            "strike_url": url_for("onboarding.strike", disqualified_id=one.row.id)
            if may_propose and one.row.customer_id is None and one.row.readmitted_on is None
            else None,
        }
        for one in page.rows
    ]
    waiting = [
        {"row": row, "url": url_for("onboarding.listing", listing_id=row.id), "ground": show(GROUNDS[row.ground])}
        for row in undecided.rows
    ]
    return render_template(
        "onboarding/disqualified.html",
        rows=rows,
        page=page,
        waiting=waiting,
        undecided=undecided,
        may_propose=may_propose,
    )
