"""The half-yearly inspection of files: the plan, the checklist, findings and their closing (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.customers import Customer
from tierflow.common.policies import policy_on
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, is_allowed
from tierflow.onboarding.models import Inspection, InspectionFinding
from tierflow.onboarding.pages import matters
from tierflow.onboarding.pages.blueprint import ROW_ID, bp
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.schemas import leaving as wanted
from tierflow.onboarding.service import examining, inspecting
from tierflow.onboarding.terms_keeping import MEND_WORKING_DAYS
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.inbox import row as inbox_row
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import day, moment

ONE = f"/inspections/<{ROW_ID}:inspection_id>"


@bp.get("/inspections")
@reads("inspection.read")
def inspections(*, session: Session, actor: Actor, now: datetime) -> str:
    """The plan, by day."""
    asked = load(wanted.InspectionsSchema(), {"state": request.args.get("state")})
    page = inspecting.listing(session, actor, now, state=asked["state"], cursor=request.args.get("cursor"))
    rows = [
        {
            "url": url_for("onboarding.inspection", inspection_id=found.row.id),
            "name": found.customer.name,
            "number": found.customer.number,
            "period": found.period,
            "planned": day(found.row.planned_on),
            "inspected": moment(found.row.inspected_at),
            "inspector": found.inspector,
            "findings": found.findings,
            "is_late": found.is_late,
        }
        for found in page.rows
    ]
    return render_template("onboarding/inspections.html", rows=rows, page=page, state=asked["state"] or "")


@bp.get(ONE)
@reads("inspection.read")
def inspection(*, session: Session, actor: Actor, now: datetime, inspection_id: int) -> str:
    """One file's inspection: the checklist to fill in, or what was found and mended."""
    return _page(session, actor, now, inspection_id, {}, ())


def _page(
    session: Session,
    actor: Actor,
    now: datetime,
    inspection_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    view = inspecting.view(session, actor, inspection_id)
    said = {one["key"]: one for one in view.row.answers}
    may_inspect = is_allowed(actor, "inspection.write") and inspecting.may_inspect(actor, view.customer)
    _at_field, elsewhere = matters.split(refusals, ())
    return render_template(
        "onboarding/inspection.html",
        row=view.row,
        round=view.round,
        customer=view.customer,
        inspector=view.inspector.name if view.inspector else "",
        for_whom=view.inspected_for,
        checklist=[
            {
                "key": key,
                "label": show(label),
                "verdict": said.get(key, {}).get("verdict") or request.form.get(f"items.{key}.verdict"),
                "remark": said.get(key, {}).get("remark") or request.form.get(f"items.{key}.remark"),
            }
            for key, label in ITEMS.items()
        ],
        findings=[
            {
                "id": found.id,
                "label": show(ITEMS[found.item]),
                "remark": found.remark,
                "due": moment(found.due_at),
                "mended": found.mended,
                "mended_at": moment(found.mended_at),
                "closed_at": moment(found.closed_at),
            }
            for found in view.findings
        ],
        may_inspect=may_inspect,
        mend_days=policy_on(session, local_day(now)).integer(MEND_WORKING_DAYS),
        may_mend=is_allowed(actor, "finding.write") and examining.keeper(session, actor, view.customer),
        errors=errors,
        refusals=elsewhere,
    )


def _again(
    *, session: Session, actor: Actor, now: datetime, inspection_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _page(session, actor, now, inspection_id, flat_errors(errors), refusals)


@bp.post(f"{ONE}/inspect")
@writes("inspection.write", on_invalid=_again)
def inspect(*, session: Session, actor: Actor, now: datetime, inspection_id: int) -> BaseResponse:
    """Record the checklist."""
    raw = form_data().get("items")
    given = raw if isinstance(raw, dict) else {}
    said = [{"key": key, **one} for key, one in given.items() if isinstance(one, dict) and one.get("verdict")]
    inspecting.inspect(session, actor, inspection_id, load(wanted.InspectSchema(), {"items": said})["items"], now)
    flash(_("The inspection is recorded."), "ok")
    return redirect(url_for("onboarding.inspection", inspection_id=inspection_id))


@bp.post(f"{ONE}/findings/<{ROW_ID}:finding_id>/mend")
@writes("finding.write", on_invalid=lambda finding_id, **rest: _again(**rest))
def mend(*, session: Session, actor: Actor, now: datetime, inspection_id: int, finding_id: int) -> BaseResponse:
    """Say how it was put right."""
    given = load(wanted.MendSchema(), form_data())
    inspecting.mend(session, actor, finding_id, given["mended"], now)
    flash(_("Reported as mended; the inspector closes it."), "ok")
    return redirect(url_for("onboarding.inspection", inspection_id=inspection_id))


@bp.post(f"{ONE}/findings/<{ROW_ID}:finding_id>/close")
@writes("inspection.write", on_invalid=lambda finding_id, **rest: _again(**rest))
def close_finding(
    *, session: Session, actor: Actor, now: datetime, inspection_id: int, finding_id: int
) -> BaseResponse:
    """Close what was put right."""
    inspecting.close(session, actor, finding_id, now)
    flash(_("The finding is closed."), "ok")
    return redirect(url_for("onboarding.inspection", inspection_id=inspection_id))


def source(actor: Actor) -> Iterable[Any]:
    """The inbox: findings the account manager is to mend, and mended ones the inspector is to close."""
    title = Customer.number + " " + Customer.name
    base = (
        inbox_row(
            "finding",
            InspectionFinding.inspection_id,
            title,
            InspectionFinding.due_at,
            InspectionFinding.due_at,
            Customer.region_id,
        )
        .join(Inspection, Inspection.id == InspectionFinding.inspection_id)
        .join(Customer, Customer.id == Inspection.customer_id)
        .where(InspectionFinding.closed_at.is_(None))
    )
    if own := actor.user_ids_as(Role.ACCOUNT_MANAGER):
        yield base.where(Customer.account_manager_id.in_(own), InspectionFinding.mended_at.is_(None))
    if (to_close := inspecting.to_close(actor)) is not None:
        yield base.where(to_close, InspectionFinding.mended_at.is_not(None))
