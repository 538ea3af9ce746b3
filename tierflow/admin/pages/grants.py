"""Role grants: propose, decide, revoke."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import chain_of, filters, role_options, state_words
from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import (
    DecisionSchema,
    GrantFilter,
    OptionalReasonSchema,
    ProposalSchema,
    RevisionSchema,
)
from tierflow.admin.schemas.shared import last_day
from tierflow.admin.service import granting, grants, people
from tierflow.admin.service.shared import account
from tierflow.common.approvals import Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import ROLE_LABELS, SCOPE_OF_ROLE, Actor
from tierflow.web.access import reads, writes
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

bp = Blueprint("grants", __name__, url_prefix="/role-grants", template_folder="../templates")


@bp.get("")
@reads("people.read")
def index(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every grant, newest first."""
    wanted = filters(GrantFilter())
    page = grants.list_grants(session, actor, wanted, now, cursor=wanted["cursor"])
    return render_template(
        "admin/grants/index.html",
        page=page,
        roles=role_options(),
        role_labels=ROLE_LABELS,
        states=state_words(),
        last_day=last_day,
        of=account(session, wanted["user_id"]) if wanted["user_id"] else None,
    )


def _form(session: Session, actor: Actor, now: datetime, errors: Any = None, refusals: Any = (), **more: Any) -> str:
    return render_template(
        "admin/grants/form.html",
        values=request.form if request.form else more.pop("values", {}),
        errors=flat_errors(errors or {}),
        refusals=refusals,
        roles=role_options(),
        scope_of_role=SCOPE_OF_ROLE,
        choices=grants.choices(session, local_day(now)),
        today=local_day(now),
        **more,
    )


@bp.get("/new")
@reads("people.read")
def new(*, session: Session, actor: Actor, now: datetime) -> str:
    """Propose a role."""
    values = {"user_id": request.args.get("user_id", ""), "from_on": local_day(now).isoformat()}
    return _form(session, actor, now, values=values, users=_users(session, actor))


def _users(session: Session, actor: Actor) -> list[tuple[int, str]]:
    return [(user.id, f"{user.name} ({user.login})") for user in people.enabled(session, actor)]


def _new_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _form(session, actor, now, errors, refusals, users=_users(session, actor))


@bp.post("/new")
@writes("people.write", on_invalid=_new_again)
def create(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Propose a role to the second administrator."""
    grant = granting.propose(session, actor, load(ProposalSchema(), form_data()), now)
    if grant.approved_at is not None:
        flash(_("The second administrator is granted; this is on record."), "ok")
    else:
        flash(_("The proposal waits for another administrator."), "ok")
    return redirect(url_for("grants.show", grant_id=grant.id))


def _page(session: Session, actor: Actor, now: datetime, grant_id: int, errors: Any = None, refusals: Any = ()) -> str:
    sight = grants.sight(session, actor, grant_id, now)
    case = sight.row.case
    return render_template(
        "admin/grants/show.html",
        sight=sight,
        row=sight.row,
        grant=sight.row.grant,
        case=case,
        steps=chain_of(session, case) if case is not None else [],
        errors=flat_errors(errors or {}),
        refusals=refusals,
        values=request.form,
        role_labels=ROLE_LABELS,
        states=state_words(),
        last_day=last_day(sight.row.grant.to_on),
        others=[
            row for row in grants.grants_of_user(session, actor, sight.row.user.id, now) if row.state == "in_force"
        ],
    )


def _page_again(*, session: Session, actor: Actor, now: datetime, grant_id: int, errors: Any, refusals: Any) -> str:
    return _page(session, actor, now, grant_id, errors, refusals)


@bp.get(f"/<{ID}:grant_id>")
@reads("people.read")
def show(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> str:
    """One grant, with what the reader may do about it."""
    return _page(session, actor, now, grant_id)


@bp.post(f"/<{ID}:grant_id>/decide")
@writes("grant.decide", on_invalid=_page_again)
def decide(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Response:
    """Approve, return or reject."""
    given = load(DecisionSchema(), form_data())
    verdict = Verdict(given["verdict"])
    granting.decide(session, actor, grant_id, Seen(given["version"], "second"), verdict, given["reason"] or "", now)
    flash(_("Your decision is recorded."), "ok")
    return redirect(url_for("grants.show", grant_id=grant_id))


def _values(grant: Any) -> dict[str, Any]:
    fields = ("role", "region_id", "office_id", "warehouse_id", "from_on")
    return {field: getattr(grant, field) for field in fields} | {"last_on": last_day(grant.to_on)}


@bp.get(f"/<{ID}:grant_id>/revise")
@reads("people.read")
def revise(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> str:
    """Correct a proposal that came back."""
    row = grants.sight(session, actor, grant_id, now).row
    return _form(session, actor, now, values=_values(row.grant), row=row)


def _revise_again(*, session: Session, actor: Actor, now: datetime, grant_id: int, errors: Any, refusals: Any) -> str:
    return _form(session, actor, now, errors, refusals, row=grants.sight(session, actor, grant_id, now).row)


@bp.post(f"/<{ID}:grant_id>/revise")
@writes("people.write", on_invalid=_revise_again)
def resubmit(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Response:
    """Hand the corrected proposal in again."""
    given = load(RevisionSchema(), form_data())
    granting.revise(session, actor, grant_id, given, given.pop("version"), now)
    flash(_("The proposal waits for another administrator."), "ok")
    return redirect(url_for("grants.show", grant_id=grant_id))


@bp.post(f"/<{ID}:grant_id>/withdraw")
@writes("people.write", on_invalid=_page_again)
def withdraw(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Response:
    """Take one's proposal back."""
    granting.withdraw(session, actor, grant_id, load(OptionalReasonSchema(), form_data())["reason"], now)
    return redirect(url_for("grants.show", grant_id=grant_id))


@bp.post(f"/<{ID}:grant_id>/discard")
@writes("people.write", on_invalid=_page_again)
def discard(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Response:
    """Give a proposal up."""
    granting.discard(session, actor, grant_id, load(OptionalReasonSchema(), form_data())["reason"], now)
    return redirect(url_for("grants.show", grant_id=grant_id))


@bp.post(f"/<{ID}:grant_id>/revoke")
@writes("people.write", on_invalid=_page_again)
def revoke(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Response:
    """Take the role away, at once."""
    granting.revoke(session, actor, grant_id, load(ReasonSchema(), form_data())["reason"], now)
    flash(_("The role is revoked; the account must sign in again."), "ok")
    return redirect(url_for("grants.show", grant_id=grant_id))
