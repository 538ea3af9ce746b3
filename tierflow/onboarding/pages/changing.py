"""Changes to a customer's file: proposed, examined, in force; and the way to a supplementary application (CHEM-8.1)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import Seen
from tierflow.common.customers import get_visible
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import EDITABLE, State, Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.onboarding.pages import matters, views
from tierflow.onboarding.pages.blueprint import CUSTOMER, ROW_ID, bp
from tierflow.onboarding.schemas import leaving as wanted
from tierflow.onboarding.schemas.keeping import VerdictSchema
from tierflow.onboarding.service import changing, examining, supplementing
from tierflow.web.access import reads, writes
from tierflow.web.schemas import flat_errors, form_data, load

CHANGE = f"/customer-changes/<{ROW_ID}:change_id>"


@bp.get(f"{CUSTOMER}/change")
@reads("change.write")
def change_customer(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """The form: the file as it is; what is changed waits for its examiner."""
    return _form(session, actor, customer_id, {}, ())


def _form(
    session: Session, actor: Actor, customer_id: int, errors: dict[str, Any], refusals: tuple[Refusal, ...]
) -> str:
    customer = get_visible(session, actor, customer_id)
    at_field, elsewhere = matters.split(refusals, (*changing.FIELDS, "reason", "file"))
    return render_template(
        "onboarding/change.html",
        customer=customer,
        labels={field: views.label(field) for field in changing.FIELDS},
        wide=views.WIDE,
        mono=views.MONO,
        values={**{field: getattr(customer, field) or "" for field in changing.FIELDS}, **request.form.to_dict()},
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def _form_again(
    *, session: Session, actor: Actor, now: datetime, customer_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _form(session, actor, customer_id, flat_errors(errors), refusals)


@bp.post(f"{CUSTOMER}/change")
@writes("change.write", on_invalid=_form_again)
def change_customer_post(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> BaseResponse:
    """Hand the new values in."""
    data = load(wanted.ChangeSchema(), form_data())
    file = request.files.get("file")
    upload = Upload(file.filename, file.stream.read()) if file is not None and file.filename else None
    new = wanted.fields_of(data)
    row = changing.propose(session, actor, customer_id, new, now, reason=data["reason"], upload=upload)
    flash(_("Handed in; its examiner finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.customer_change", change_id=row.id))


@bp.post(f"{CUSTOMER}/supplement")
@writes("application.write")
def begin_supplement(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> BaseResponse:
    """A supplementary application, opened in the editor."""
    application = supplementing.begin(session, actor, customer_id, now)
    flash(_("A supplementary application: change its product lines and classes, then hand it in."), "ok")
    return redirect(url_for("onboarding.edit_application", application_id=application.id))


@bp.get(CHANGE)
@reads("customer.read")
def customer_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> str:
    """A change: new beside old, the evidence, the verdict."""
    return _page(session, actor, now, change_id, {}, ())


def _page(
    session: Session,
    actor: Actor,
    now: datetime,
    change_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    view = changing.view(session, actor, change_id)
    row = view.row

    def url(file_id: int) -> str:
        return url_for("onboarding.show_customer_file", customer_id=row.customer_id, file_id=file_id)

    at_field, elsewhere = matters.split(refusals, (*changing.FIELDS, "reason", "file"))
    mine = is_allowed(actor, "change.write") and examining.keeper(session, actor, view.customer)
    return render_template(
        "onboarding/customer_change.html",
        row=row,
        who=view.proposed_by.name,
        compared=[
            {"label": views.label(field), "old": row.old.get(field) or "", "new": value or "", "changed": True}
            for field, value in row.new.items()
        ],
        matches=[views.told(match) for match in view.matches],
        files=views.viewer_files([{"label": _("Evidence"), "file": views.file(view.file, url), "validity": None}])
        if view.file
        else [],
        may_withdraw=row.outcome is None and mine,
        may_correct=mine and State(view.case.state) in EDITABLE,
        labels={field: views.label(field) for field in changing.FIELDS},
        mono=views.MONO,
        values={
            **{field: getattr(view.customer, field) or "" for field in changing.FIELDS},
            **{field: value or "" for field, value in row.new.items()},
            "reason": row.reason,
            **request.form.to_dict(),
        },
        errors={**errors, **at_field},
        refusals=elsewhere,
        reason=request.form.get("reason", ""),
        **matters.of_case(session, actor, view.case, view.customer, "change.examine", now),
    )


def _again(
    *, session: Session, actor: Actor, now: datetime, change_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _page(session, actor, now, change_id, flat_errors(errors), refusals)


@bp.post(f"{CHANGE}/decide")
@writes("change.examine", on_invalid=_again)
def decide_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> BaseResponse:
    """The examiner's verdict."""
    given = load(VerdictSchema(), form_data())
    seen, verdict = Seen(given["version"], given["step"]), Verdict(given["verdict"])
    changing.decide(session, actor, change_id, seen, verdict, now, reason=given["reason"] or "")
    flash(_("Your verdict is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.post(f"{CHANGE}/correct")
@writes("change.write", on_invalid=_again)
def correct_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> BaseResponse:
    """Correct what came back, and hand it in again."""
    data = load(wanted.ChangeSchema(), form_data())
    file = request.files.get("file")
    upload = Upload(file.filename, file.stream.read()) if file is not None and file.filename else None
    changing.correct(session, actor, change_id, wanted.fields_of(data), now, reason=data["reason"], upload=upload)
    flash(_("Handed in again."), "ok")
    return redirect(url_for("onboarding.customer_change", change_id=change_id))


@bp.post(f"{CHANGE}/withdraw")
@writes("change.write", on_invalid=_again)
def withdraw_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> BaseResponse:
    """Take it back."""
    row = changing.withdraw(session, actor, change_id, now)
    flash(_("Taken back; the file stays as it is."), "ok")
    return redirect(url_for("onboarding.customer", customer_id=row.customer_id))
