"""The list of the disqualified: companies put on it and taken off it, decided by the general manager (CHEM-17)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.onboarding.pages import matters, views
from tierflow.onboarding.pages.blueprint import ROW_ID, bp
from tierflow.onboarding.pages.renewing import sent
from tierflow.onboarding.rules.leaving import GROUNDS
from tierflow.onboarding.schemas import leaving as wanted
from tierflow.onboarding.service import blacklist, disqualifying
from tierflow.onboarding.service.older_list import OLDER_LIST
from tierflow.web import imports
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.i18n import show
from tierflow.web.inbox import Kind
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import day

ONE = f"/listings/<{ROW_ID}:listing_id>"
LISTED = f"/disqualified/<{ROW_ID}:disqualified_id>"
FIELDS = (
    "name",
    "former_names",
    "credit_code",
    "organisation_code",
    "legal_representative",
    "ground",
    "facts",
    "since",
    "file",
)

imports.register(bp, OLDER_LIST, prefix="/disqualified/imports", name="older_list", read="takeover.read")


@bp.get("/listings/new")
@reads("disqualification.write")
def listing_new(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form: who it is, ground, facts, since when, evidence."""
    return _form({}, ())


def _form(errors: dict[str, Any], refusals: tuple[Refusal, ...]) -> str:
    at_field, elsewhere = matters.split(refusals, FIELDS)
    return render_template(
        "onboarding/listing_new.html",
        grounds=[{"value": key, "label": show(label)} for key, label in GROUNDS.items()],
        values=request.form.to_dict(),
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def _form_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    return _form(flat_errors(errors), refusals)


@bp.post("/listings")
@writes("disqualification.write", on_invalid=_form_again)
def listing_post(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Propose it to the general manager."""
    data = load(wanted.ListingSchema(), form_data())
    row = blacklist.enter(session, actor, data, sent("file"), now)
    flash(_("Proposed; the general manager finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.listing", listing_id=row.id))


@bp.get(f"{LISTED}/strike")
@reads("disqualification.write")
def strike(*, session: Session, actor: Actor, now: datetime, disqualified_id: int) -> str:
    """The form: why the company is to be taken off the list."""
    return _strike(session, actor, disqualified_id, {}, ())


def _strike(
    session: Session, actor: Actor, disqualified_id: int, errors: dict[str, Any], refusals: tuple[Refusal, ...]
) -> str:
    at_field, elsewhere = matters.split(refusals, ("reason", "file"))
    one = disqualifying.listed(session, actor, disqualified_id)
    return render_template(
        "onboarding/strike.html",
        row=one.row,
        former_names=", ".join(one.former_names),
        ground=show(GROUNDS[one.row.ground]),
        values=request.form.to_dict(),
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def _strike_again(
    *, session: Session, actor: Actor, now: datetime, disqualified_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _strike(session, actor, disqualified_id, flat_errors(errors), refusals)


@bp.post(f"{LISTED}/strike")
@writes("disqualification.write", on_invalid=_strike_again)
def strike_post(*, session: Session, actor: Actor, now: datetime, disqualified_id: int) -> BaseResponse:
    """Propose to take it off."""
    data = load(wanted.StrikeSchema(), form_data())
    file = request.files.get("file")
    upload = sent("file") if file is not None and file.filename else None
    row = blacklist.strike(session, actor, disqualified_id, data["reason"], upload, now)
    flash(_("Proposed; the general manager finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.listing", listing_id=row.id))


@bp.get(ONE)
@reads("disqualification.read")
def listing(*, session: Session, actor: Actor, now: datetime, listing_id: int) -> str:
    """The proposal, its evidence, the decision."""
    return _page(session, actor, now, listing_id, {}, ())


def _page(
    session: Session,
    actor: Actor,
    now: datetime,
    listing_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    view = blacklist.view(session, actor, listing_id)

    def url(_file_id: int) -> str:
        return url_for("onboarding.listing_file", listing_id=view.row.id)

    shown = [{"label": _("Evidence"), "file": views.file(view.file, url), "validity": None}] if view.file else []
    at_field, elsewhere = matters.split(refusals, ("reason",))
    row = view.row
    return render_template(
        "onboarding/listing.html",
        row=row,
        is_strike=row.kind == "strike",
        facts=[
            (_("Company name"), row.name),
            (_("Former names"), ", ".join(row.former_names)),
            (_("Unified social credit code"), row.credit_code or ""),
            (_("Organisation code"), row.organisation_code or ""),
            (_("Legal representative"), row.legal_representative),
            (_("Ground"), show(GROUNDS[row.ground])),
            (_("Since"), day(row.since)),
        ],
        who=view.proposed_by.name,
        files=views.viewer_files(shown) if shown else [],
        errors={**errors, **at_field},
        refusals=elsewhere,
        reason=request.form.get("reason", ""),
        **matters.of_case(session, actor, view.case, None, "disqualification.decide", now),
    )


def _again(
    *, session: Session, actor: Actor, now: datetime, listing_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _page(session, actor, now, listing_id, flat_errors(errors), refusals)


@bp.post(f"{ONE}/decide")
@writes("disqualification.decide", on_invalid=_again)
def decide_listing(*, session: Session, actor: Actor, now: datetime, listing_id: int) -> BaseResponse:
    """The general manager's decision."""
    given = load(wanted.YesNoSchema(), form_data())
    seen, verdict = Seen(given["version"], given["step"]), Verdict(given["verdict"])
    blacklist.decide(session, actor, listing_id, seen, verdict, now, reason=given["reason"] or "")
    flash(_("Your verdict is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get(f"{ONE}/files/evidence")
@reads("disqualification.read")
def listing_file(*, session: Session, actor: Actor, now: datetime, listing_id: int) -> Response:
    """The evidence."""
    return inline(session, blacklist.evidence(session, actor, listing_id))


def init(app: Flask) -> None:
    """Attach the inbox."""
    app.extensions["inbox_kinds"].update(imports.inbox_kinds(bp, OLDER_LIST, "older_list"))
    app.extensions["inbox_kinds"]["listing"] = Kind(
        mark("List of the disqualified: to decide"), "slash-circle", "onboarding.listing", "listing_id"
    )
