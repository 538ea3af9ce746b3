"""The editor of a draft: one page, saved as one types, checked as one types, submitted when nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask import Response, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.reference import lines_on, regions_on
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Application
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.pages.paper_slots import declarations, slots
from tierflow.onboarding.pages.reading import acts, diff, latest_changes, statement
from tierflow.onboarding.pages.reading import page as show_page
from tierflow.onboarding.rules import duplicates
from tierflow.onboarding.rules.entry import CHECKLISTS, CLASS_LABELS, CLASSES_OF_SCHEME, conditions_for
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.schemas import given
from tierflow.onboarding.service import deciding, drafts, reading
from tierflow.onboarding.service.access import get_visible
from tierflow.onboarding.service.admitting import admission_of
from tierflow.onboarding.service.matching import find_matches
from tierflow.onboarding.service.reading import ApplicationView, CheckRow
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import moment

CHECKED = {
    "name": "name",
    "credit_code": "credit_code",
    "organisation_code": "organisation_code",
    "legal_representative": "legal_representative",
    "phone": "phone",
    "bank_account": "bank_account",
}


@bp.post("/applications")
@writes("application.write")
def new_application(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Begin a draft."""
    application = drafts.create_draft(session, actor, now)
    return redirect(url_for("onboarding.edit_application", application_id=application.id))


@bp.post(f"{APPLICATION}/copy")
@writes("application.write")
def copy_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Begin a draft from an ended application."""
    application = drafts.create_draft(session, actor, now, copy_of=application_id)
    flash(_("A new draft with everything the old application had."), "ok")
    return redirect(url_for("onboarding.edit_application", application_id=application.id))


@bp.get(f"{APPLICATION}/edit")
@reads("application.read")
def edit_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str | BaseResponse:
    """The editor; whoever may not edit is shown the application instead."""
    found = reading.view(session, actor, application_id)
    if not found.may.edit:
        return redirect(url_for("onboarding.application", application_id=application_id))
    return _editor(session, actor, found, now, {}, ())


def editor_again(
    session: Session, actor: Actor, application_id: int, now: datetime, errors: Any, refusals: Sequence[Refusal]
) -> str:
    """The editor with what was typed and what was wrong; the read page when it cannot be edited any more."""
    found = reading.view(session, actor, application_id)
    if not found.may.edit:
        return show_page(session, actor, application_id, now, {}, refusals)
    return _editor(session, actor, found, now, flat_errors(errors), refusals)


def _again(*, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: Any) -> str:
    return editor_again(session, actor, application_id, now, errors, refusals)


@bp.post(f"{APPLICATION}/edit")
@writes("application.write", on_invalid=_again)
def save_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Save the draft, and hand it in when asked to."""
    data, seen_version = draft_form()
    application = drafts.save_draft(session, actor, application_id, data, now, seen_version=seen_version)
    if request.form.get("act") != "submit":
        flash(_("Saved."), "ok")
        return redirect(url_for("onboarding.edit_application", application_id=application_id))
    deciding.submit(session, actor, application_id, now, seen_version=application.version)
    flash(_("Submitted. You are told as soon as it is decided."), "ok")
    return redirect(url_for("onboarding.application", application_id=application_id))


@bp.post(f"{APPLICATION}/autosave")
@writes("application.write")
def autosave_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Response:
    """Save what is right; what is wrong is told at its field and not stored."""
    errors: dict[str, Any] = {}
    data, seen_version = draft_form(errors)
    try:
        with session.begin_nested():
            application = drafts.save_draft(session, actor, application_id, data, now, seen_version=seen_version)
    except Invalid as wrong:
        errors |= wrong.errors
        left_out = set(errors) | ({"organisation_code"} if "credit_code" in errors else set())  # one follows the other
        right = {field: value for field, value in data.items() if field not in left_out}
        application = drafts.save_draft(session, actor, application_id, right, now, seen_version=seen_version)
    told = {field: [show(message) for message in messages] for field, messages in flat_errors(errors).items()}
    return jsonify({"saved_at": moment(now)[11:], "version": application.version, "errors": told})


def draft_form(forgiving: dict[str, Any] | None = None) -> tuple[dict[str, Any], int]:
    """The posted draft and the version its page showed.

    `forgiving` collects the errors of single fields, which are then left out; without it they raise `Invalid`.
    """
    raw = form_data()
    raw.pop("act", None)
    raw["seen_version"] = raw.pop("version", None)
    if isinstance(raw.get("lines"), list):
        raw["lines"] = [row for row in raw["lines"] if isinstance(row, dict) and row.get("customer_class")]
    try:
        data = load(given.SaveSchema(), raw)
    except Invalid as wrong:
        if forgiving is None or "seen_version" in wrong.errors:
            raise
        forgiving |= wrong.errors
        data = load(given.SaveSchema(), {key: value for key, value in raw.items() if key not in wrong.errors})
    return data, data.pop("seen_version")


@bp.post(f"{APPLICATION}/check")
@reads("application.read", preview=True)
def check_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Response:
    """What is known about a value as it is typed: its check characters, duplicates, disqualified companies."""
    field = CHECKED.get(request.form.get("name", ""))
    value = request.form.get("value", "").strip()[:300]
    if field is None or not value:
        return jsonify({"messages": []})
    try:
        matches = find_matches(session, actor, {field: value}, besides=application_id)
    except Invalid as wrong:
        messages = [message for found in flat_errors(wrong.errors).values() for message in found]
        return jsonify({"messages": [{"kind": "bad", "text": show(message)} for message in messages]})
    told = [views.told(match) for match in matches]
    if not told and field in ("credit_code", "organisation_code"):
        told = [{"kind": "ok", "text": _("The check characters fit; nobody else has this code.")}]
    return jsonify({"messages": told})


@bp.get(f"{APPLICATION}/missing")
@reads("application.read")
def missing(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """The panel "what is still missing", fetched again after each saving."""
    application = get_visible(session, actor, application_id)
    return render_template(
        "onboarding/_missing.html", application=application, **_preview(session, actor, application, now)
    )


NOTES = {
    "expiring": text("A paper expires soon; the approvers will see it."),
    "bank_account": text("The bank account number looks unusual; compare it with the paper."),
    "dealer_places": text("The region would have more dealers than its volume suggests; the approvers will see it."),
}


def _preview(session: Session, actor: Actor, application: Application, now: datetime) -> dict[str, Any]:
    found = admission_of(session, actor, application, now)
    rows = found.decision.indicators
    asked = bool(application.readmission_reason)
    notes = [
        duplicates.sentence(match)
        for match in found.matches
        if not duplicates.is_blocking(match, readmission_asked=asked)
    ]
    notes += [NOTES[row.name] for row in rows if row.verdict == "info" and row.name in NOTES]
    return {
        "missing": _gathered(found.decision.refusals),
        "notes": notes,
        "preview": {"passed": sum(row.verdict != "fail" for row in rows), "total": len(rows)},
        "asks_readmission": any(match.source == "disqualified" for match in found.matches),
    }


TOGETHER = 2


def _gathered(refusals: Sequence[Refusal]) -> list[dict[str, Any]]:
    """What is missing, each with its place on the page; many conditions of one class are told in one line."""
    by_class: dict[str, int] = {}
    for refusal in refusals:
        if refusal.field and refusal.field.startswith("checks."):
            name = refusal.field.split(".")[1]
            by_class[name] = by_class.get(name, 0) + 1
    told: list[dict[str, Any]] = []
    said = set()
    for refusal in refusals:
        field = refusal.field or ""
        name = field.split(".")[1] if field.startswith("checks.") else ""
        reason = refusal.reason
        if by_class.get(name, 0) > TOGETHER:
            if name in said:
                continue
            said.add(name)
            kind = Text(CLASS_LABELS[name])
            reason = text("Entry conditions of a %(kind)s not proven yet: %(count)s.", kind=kind, count=by_class[name])
        anchor = f"f-{field.replace('.', '-')}" if field else None
        told.append({"reason": reason, "clause": refusal.clause, "anchor": anchor})
    return told


FORM_FIELDS = tuple(field for field in (*views.COMPANY, *views.INVOICING) if field != "taxpayer_number")


def _editor(
    session: Session,
    actor: Actor,
    found: ApplicationView,
    now: datetime,
    errors: Mapping[str, Iterable[Any]],
    refusals: Sequence[Refusal],
) -> str:
    application, on = found.application, local_day(now)
    typed: Mapping[str, str] = request.form if request.endpoint == "onboarding.save_application" else {}
    at_fields = {field: [show(message) for message in messages] for field, messages in errors.items()}
    wrong = dict(at_fields)
    for refusal in refusals:
        if refusal.field:
            at_fields.setdefault(refusal.field, []).append(show(refusal.reason))
    for field, reason in found.returned.items():
        at_fields.setdefault(field, []).append(_("Returned: %(why)s", why=reason))
    form = {field: typed.get(field, getattr(application, field)) for field in FORM_FIELDS}
    form = {field: "" if value is None else value for field, value in form.items()}
    if application.credit_code and not typed:
        form["organisation_code"] = ""  # it follows from the credit code, and must not contradict a corrected one
    changed = latest_changes(found)
    shown = statement(session, found, now)
    shown |= acts(session, actor, found, now)
    return render_template(
        "onboarding/edit.html",
        application=application,
        view=shown,
        form={**form, "version": typed.get("version", application.version)},
        errors=at_fields,
        wrong=wrong,
        labels={field: _label(field) for field in wrong},
        refusals=[{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals],
        regions=[(row.id, row.name) for row in regions_on(session, on)],
        lines=_lines(session, found, on, typed),
        checks=_checks(session, found, typed),
        declarations=declarations(session, found, at_fields, on),
        **slots(session, found, at_fields, on),
        **_preview(session, actor, application, now),
        returned=last_return(session, found),
        changed=diff(session, changed, ()) if found.case.round else [],
    )


def _label(field: str) -> str:
    head, _dot, rest = field.partition(".")
    if head == "papers" and rest.partition(".")[0] in PAPER_LABELS:
        return show(PAPER_LABELS[rest.partition(".")[0]])
    return views.label(head)


def last_return(session: Session, found: ApplicationView) -> dict[str, Any] | None:
    """Who returned the application, when, and why, while it is being corrected."""
    if not found.decisions or found.decisions[-1].decision.verdict != Verdict.RETURN.value:
        return None
    if found.case.state not in (State.RETURNED, State.WITHDRAWN):
        return None
    row = found.decisions[-1]
    examined = deciding.items_for(session, found.case, row.decision.step)
    labels = {item.key: show(item.label) for item in examined}
    returns = [
        {"label": labels.get(item["key"], item["key"]), "remark": item["remark"]}
        for item in row.decision.items
        if item["verdict"] == "fail"
    ]
    remarks = "; ".join(item["remark"] for item in returns)
    return {
        "who": row.user.name,
        "at": moment(row.decision.decided_at),
        "reason": "" if row.decision.reason in ("-", remarks) else row.decision.reason,
        "returns": returns,
    }


def _lines(session: Session, found: ApplicationView, on: date, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    chosen = {line.product_line_id: line.customer_class for line, _product in found.lines}
    rows = []
    for place, line in enumerate(lines_on(session, on)):
        classes = CLASSES_OF_SCHEME.get(line.scheme, ())
        rows.append(
            {
                "id": line.id,
                "label": views.line_name(line),
                "customer_class": typed.get(f"lines.{place}.customer_class", chosen.get(line.id, "")),
                "options": [("", _("Not asked for")), *((name, show(CLASS_LABELS[name])) for name in classes)],
            }
        )
    return rows


def _checks(session: Session, found: ApplicationView, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every class's conditions: the page shows those of the classes chosen, also while one is still choosing."""
    application_id = found.application.id
    answers = {(row.customer_class, row.item): row for row in drafts.checks_of(session, application_id)}
    files = {row.check.id: row.file for row in found.checks if row.check is not None}
    rows = [
        CheckRow(name, condition, check := answers.get((name, condition.item)), files.get(check.id) if check else None)
        for name, condition in conditions_for(CHECKLISTS)
    ]
    parts = views.checks(rows, lambda file_id: views.file_url(application_id, file_id))
    for item in (item for part in parts for item in part["items"]):
        for name in ("answer", "evidence"):
            item[name] = typed.get(f"checks.{item['index']}.{name}", item[name])
    return parts
