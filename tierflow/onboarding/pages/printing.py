"""Annex 1, 客户开户审批表, on A4: with every opinion, or blank for the customer's signature and seal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.common.reference import lines_on
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.onboarding.pages import chain, views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.pages.reading import names_of
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.rules.entry import CLASS_LABELS, CLASSES_OF_SCHEME
from tierflow.onboarding.service import reading
from tierflow.onboarding.service.reading import ApplicationView, DecisionSeen
from tierflow.web.access import reads
from tierflow.web.i18n import show
from tierflow.web.shell import day, moment

WIDE = frozenset({"name", "address", "invoice_address", "readmission_reason"})


@bp.get(f"{APPLICATION}/annex1")
@reads("application.read")
def annex(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """The form as it stands, with the opinions given so far."""
    return _form(session, actor, reading.view(session, actor, application_id), now, blank=False)


@bp.get(f"{APPLICATION}/annex1/blank")
@reads("application.read")
def blank_annex(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """The form before anybody decided, to be signed and sealed by the customer."""
    return _form(session, actor, reading.view(session, actor, application_id), now, blank=True)


def _form(session: Session, actor: Actor, found: ApplicationView, now: datetime, *, blank: bool) -> str:
    row = found.application
    region = found.region.name if found.region else ""
    people = names_of(session, {line.struck_by_id for line, _product in found.lines})
    lines = views.lines(found.lines, {} if blank else people)
    for line in lines:
        line["boxes"] = [(name, show(CLASS_LABELS[name])) for name in CLASSES_OF_SCHEME[line["scheme"]]]
    if blank and not lines:
        lines = _every_line(session, now)
    sheet = {
        "number": row.number,
        "region": region,
        "dated": day(found.rounds[-1].submitted_at if found.rounds else now),
        "groups": [
            {"title": _("Particulars"), "rows": _pairs(row, views.COMPANY, region)},
            {"title": _("Invoicing"), "rows": _pairs(row, views.INVOICING, region)},
        ],
        "lines": lines,
        "checks": views.checks(found.checks, lambda file_id: views.file_url(row.id, file_id)),
        "papers": [
            paper
            for paper in views.papers(found.papers, lambda file_id: views.file_url(row.id, file_id), local_day(now))
            if paper["kind"] != "annex1_signed"  # this very form
        ],
        "opinions": _blank_opinions() if blank else _opinions(session, found),
        "earlier": [] if blank else _earlier(found),
        "foot": _foot(found, blank=blank),
        "printed_by": actor.name,
        "printed_at": moment(now),
    }
    return render_template(
        "onboarding/annex1.html", view=sheet, back_url=url_for("onboarding.application", application_id=row.id)
    )


def _every_line(session: Session, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "name": views.line_name(line),
            "customer_class": "",
            "struck": False,
            "boxes": [(name, show(CLASS_LABELS[name])) for name in CLASSES_OF_SCHEME[line.scheme]],
        }
        for line in lines_on(session, local_day(now))
    ]


def _pairs(row: Any, fields: tuple[str, ...], region: str) -> list[list[dict[str, Any]]]:
    """Cells two to a row, long ones alone; every particular stands there, the empty ones too."""
    rows: list[list[dict[str, Any]]] = []
    open_row: list[dict[str, Any]] = []
    for field in fields:
        value = region if field == "region_id" else getattr(row, field) or ""
        if field == "readmission_reason" and not value:
            continue
        cell = {"label": views.label(field), "value": value, "mono": field in views.MONO}
        if field in WIDE:
            rows.append([cell])
            continue
        open_row.append(cell)
        if len(open_row) == 2:
            rows.append(open_row)
            open_row = []
    if open_row:
        rows.append(open_row)
    return rows


def _blank_opinions() -> list[dict[str, Any]]:
    return [{"label": _office(step.key), "at": "", "remarks": [], "asked": []} for step in ACCOUNT_OPENING.steps]


def _office(step: str) -> str:
    offices: dict[str, str] = {
        "sales": _("Opinion of the sales department"),
        "finance": _("Opinion of the finance department"),
        "management": _("Opinion of the general manager"),
    }
    return offices[step]


def _opinions(session: Session, found: ApplicationView) -> list[dict[str, Any]]:
    """The opinion that counts of each office, with what colleagues were asked before it."""
    askers = names_of(session, {seen.opinion.asked_by_id for seen in found.opinions})
    latest = _standing(found)
    asked_at_step = _asked_by_step(found, askers)
    opinions = []
    for step in ACCOUNT_OPENING.steps:
        decided = latest.get(step.key)
        shown = chain.step_of(decided) if decided else {"remarks": [], "at": ""}
        opinions.append({**shown, "label": _office(step.key), "asked": asked_at_step.get(step.key, [])})
    return opinions


def _asked_by_step(found: ApplicationView, askers: dict[int, str]) -> dict[str, list[dict[str, Any]]]:
    """Each asked opinion and each copy under the step that was being decided when it was asked."""
    placed: dict[str, list[dict[str, Any]]] = {}
    for seen in found.opinions:
        row = seen.opinion
        later = [d.decision for d in found.decisions if d.decision.decided_at >= row.asked_at]
        step = later[0].step if later else found.case.step or ACCOUNT_OPENING.steps[-1].key
        placed.setdefault(step, []).append({**chain.opinion_of(seen, askers), "is_copy": row.kind == "copy"})
    return placed


def _earlier(found: ApplicationView) -> list[dict[str, Any]]:
    """Decisions that a later one of the same office replaced."""
    kept = {row.decision.id for row in _standing(found).values()}
    return [
        {**chain.step_of(row), "round": row.decision.round} for row in found.decisions if row.decision.id not in kept
    ]


def _standing(found: ApplicationView) -> dict[str, DecisionSeen]:
    """The decision that counts of each office; none where it is asked again and has not answered yet."""
    latest = {row.decision.step: row for row in found.decisions}
    ahead = [step.key for step in ACCOUNT_OPENING.steps]
    asked_again = set(ahead[ahead.index(found.case.step) :]) if found.case.step else set()
    return {
        step: row
        for step, row in latest.items()
        if chain.stands(found.case, row.decision)
        and not (step in asked_again and row.decision.round < found.case.round)
    }


def _foot(found: ApplicationView, *, blank: bool) -> str:
    if blank or not found.rounds:
        return found.application.number
    words: str = _(
        "Round %(round)d · content %(hash)s", round=found.case.round, hash=found.rounds[-1].content_hash[:12]
    )
    return words
