"""The editor of a draft: one page, saved as one types, checked as one types, submitted when nothing is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Response, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.reference import lines_on, regions_on
from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text
from tierflow.onboarding import schemas, service
from tierflow.onboarding.pages import loading, views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.pages.papers import declarations, slots
from tierflow.onboarding.rules import duplicates
from tierflow.onboarding.rules.entry import CHECKLISTS, CLASS_LABELS, CLASSES_OF_SCHEME
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
    application = service.create_draft(session, actor, now)
    return redirect(url_for("onboarding.edit_application", application_id=application.id))


@bp.post(f"{APPLICATION}/copy")
@writes("application.write")
def copy_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Begin a draft from an ended application."""
    application = service.create_draft(session, actor, now, copy_of=application_id)
    flash(_("A new draft with everything the old application had."), "ok")
    return redirect(url_for("onboarding.edit_application", application_id=application.id))


@bp.get(f"{APPLICATION}/edit")
@reads("application.read")
def edit_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str | BaseResponse:
    """The editor; whoever may not edit is shown the application instead."""
    shown = loading.load(session, actor, application_id, now)
    if not shown.may_edit:
        return redirect(url_for("onboarding.application", application_id=application_id))
    return _editor(session, shown, now, {}, ())


def _again(*, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: Any) -> str:
    return _editor(session, loading.load(session, actor, application_id, now), now, flat_errors(errors), refusals)


@bp.post(f"{APPLICATION}/edit")
@writes("application.write", on_invalid=_again)
def save_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Save the draft, and hand it in when asked to."""
    data, seen_version = draft_form()
    application = service.save_draft(session, actor, application_id, data, now, seen_version=seen_version)
    if request.form.get("act") != "submit":
        flash(_("Saved."), "ok")
        return redirect(url_for("onboarding.edit_application", application_id=application_id))
    service.submit(session, actor, application_id, now, seen_version=application.version)
    flash(_("Submitted. You are told as soon as it is decided."), "ok")
    return redirect(url_for("onboarding.application", application_id=application_id))


@bp.post(f"{APPLICATION}/autosave")
@writes("application.write")
def autosave_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Response:
    """Save what is right; what is wrong is told at its field and not stored."""
    data, seen_version = draft_form(forgiving := {})
    errors: dict[str, Any] = dict(forgiving)
    try:
        with session.begin_nested():
            application = service.save_draft(session, actor, application_id, data, now, seen_version=seen_version)
    except Invalid as wrong:
        errors |= wrong.errors
        right = {field: value for field, value in data.items() if field not in errors}
        application = service.save_draft(session, actor, application_id, right, now, seen_version=seen_version)
    told = {field: [show(message) for message in messages] for field, messages in flat_errors(errors).items()}
    return jsonify({"saved_at": moment(now)[11:], "version": application.version, "errors": told})


def draft_form(forgiving: dict[str, Any] | None = None) -> tuple[dict[str, Any], int]:
    """The posted draft and the version its page showed.

    `forgiving` collects the errors of single fields, which are then left out; without it they raise `Invalid`.
    """
    raw = form_data()
    raw.pop("act", None)
    if isinstance(raw.get("lines"), list):
        raw["lines"] = [row for row in raw["lines"] if isinstance(row, dict) and row.get("customer_class")]
    try:
        data = load(schemas.DraftFormSchema(), raw)
    except Invalid as wrong:
        if forgiving is None or "version" in wrong.errors:
            raise
        forgiving |= wrong.errors
        data = load(schemas.DraftFormSchema(), {key: value for key, value in raw.items() if key not in wrong.errors})
    return data, data.pop("version")


@bp.post(f"{APPLICATION}/check")
@reads("application.read", preview=True)
def check_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Response:
    """What is known about a value as it is typed: its check characters, duplicates, disqualified companies."""
    field = CHECKED.get(request.form.get("name", ""))
    value = request.form.get("value", "").strip()[:300]
    if field is None or not value:
        return jsonify({"messages": []})
    try:
        matches = service.find_matches(session, actor, {field: value}, besides=application_id)
    except Invalid as wrong:
        messages = [message for found in flat_errors(wrong.errors).values() for message in found]
        return jsonify({"messages": [{"kind": "bad", "text": show(message)} for message in messages]})
    told = [_told(match) for match in matches]
    if not told and field in ("credit_code", "organisation_code"):
        told = [{"kind": "ok", "text": _("The check characters fit; nobody else has this code.")}]
    return jsonify({"messages": told})


def _told(match: duplicates.Match) -> dict[str, str]:
    blocks = duplicates.is_blocking(match, readmission_asked=False)
    told = {"kind": "bad" if blocks else "warn", "text": show(duplicates.sentence(match))}
    # The label names the company only to whoever may see it; to others a link would lead nowhere.
    if " " in match.label and match.source == "customer":
        told["url"] = url_for("onboarding.customer", customer_id=match.subject_id)
    elif " " in match.label and match.source == "application":
        told["url"] = url_for("onboarding.application", application_id=match.subject_id)
    return told


@bp.get(f"{APPLICATION}/missing")
@reads("application.read")
def missing(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """The panel "what is still missing", fetched again after each saving."""
    shown = loading.load(session, actor, application_id, now)
    return render_template("onboarding/_missing.html", application=shown.application, **_preview(session, shown, now))


def _preview(session: Session, shown: loading.Shown, now: datetime) -> dict[str, Any]:
    admission = service.preview_admission(session, shown.actor, shown.application.id, now)
    decision = admission.decision
    asked = bool(shown.application.readmission_reason)
    notes: list[Text] = [
        duplicates.sentence(match)
        for match in admission.matches
        if not duplicates.is_blocking(match, readmission_asked=asked)
    ]
    notes += [NOTES[row.name] for row in decision.indicators if row.verdict == "info" and row.name in NOTES]
    return {
        "missing": [
            {"reason": r.reason, "clause": r.clause, "anchor": f"f-{r.field.replace('.', '-')}" if r.field else None}
            for r in decision.refusals
        ],
        "notes": notes,
        "preview": {
            "passed": sum(row.verdict != "fail" for row in decision.indicators),
            "total": len(decision.indicators),
        },
        "asks_readmission": any(match.source == "disqualified" for match in admission.matches),
    }


NOTES = {
    "expiring": text("A paper expires soon; the approvers will see it."),
    "bank_account": text("The bank account number looks unusual; compare it with the paper."),
    "dealer_places": text("The region would have more dealers than its volume suggests; the approvers will see it."),
}


def _editor(
    session: Session,
    shown: loading.Shown,
    now: datetime,
    errors: Mapping[str, Iterable[Any]],
    refusals: tuple[Refusal, ...],
) -> str:
    application = shown.application
    typed = request.form if request.endpoint == "onboarding.save_application" else {}
    at_fields = {field: [show(message) for message in messages] for field, messages in errors.items()}
    for refusal in refusals:
        if refusal.field:
            at_fields.setdefault(refusal.field, []).append(show(refusal.reason))
    form = {field: typed.get(field, getattr(application, field)) for field in FORM_FIELDS}
    form = {field: "" if value is None else value for field, value in form.items()}
    form["version"] = typed.get("version", application.version)
    on = local_day(now)
    preview = _preview(session, shown, now)
    checks = views.checks(CHECKLISTS, shown.checks, shown.files, shown.url)
    for part in checks:
        for item in part["items"]:
            for name in ("answer", "evidence"):
                item[name] = typed.get(f"checks.{item['index']}.{name}", item[name])
    return render_template(
        "onboarding/edit.html",
        application=application,
        form=form,
        errors=at_fields,
        wrong={field: at_fields[field] for field in errors},
        refusals=refusals,
        labels=_labels(errors),
        state_badge=views.badge(views.state_badge(shown.case)),
        regions=[(row.id, row.name) for row in regions_on(session, on)],
        lines=_lines(session, shown, now, typed),
        checks=checks,
        declarations=declarations(shown, at_fields),
        **slots(shown, at_fields, on),
        **preview,
        returned=shown.returned,
        changed=shown.changes,
        steps=shown.steps if shown.case.round else [],
        can_discard=True,
        menu_view=shown.acts,
    )


FORM_FIELDS = tuple(field for field in (*views.COMPANY, *views.INVOICING) if field != "taxpayer_number")


def _labels(errors: Mapping[str, Any]) -> dict[str, str]:
    return {field: views.label(field.partition(".")[0]) for field in errors}


def _lines(session: Session, shown: loading.Shown, now: datetime, typed: Mapping[str, str]) -> list[dict[str, Any]]:
    chosen = {row.product_line_id: row.customer_class for row in shown.lines}
    found = []
    for place, line in enumerate(lines_on(session, local_day(now))):
        classes = CLASSES_OF_SCHEME.get(line.scheme, ())
        found.append(
            {
                "id": line.id,
                "label": views.line_name(line, line.id),
                "customer_class": typed.get(f"lines.{place}.customer_class", chosen.get(line.id, "")),
                "options": [("", _("Not asked for")), *((name, show(CLASS_LABELS[name])) for name in classes)],
            }
        )
    return found


def printed(markup: str) -> Markup:
    """Ready markup for a template."""
    return Markup(markup)
