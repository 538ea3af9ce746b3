"""One application: to read, or, for whoever its waiting step is theirs, to decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask import render_template, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.acts import act_label
from tierflow.common.approvals import capacity
from tierflow.common.audit import AuditEntry
from tierflow.common.calendars import working_calendar
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.onboarding.pages import chain, views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING, Item
from tierflow.onboarding.rules.changes import Change, changes
from tierflow.onboarding.service import deciding as service
from tierflow.onboarding.service import reading, showing
from tierflow.onboarding.service.reading import ApplicationView
from tierflow.web.access import reads
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.shell import day, moment

STOCK = {
    "sales": (
        mark("The particulars agree with the papers; I agree."),
        mark("Visited on site; the facts are as stated."),
        mark("Please hand in a clearer scan."),
        mark("Please give proof of the entry conditions."),
    ),
    "finance": (
        mark("Tax registration and invoicing particulars are in order; I agree."),
        mark("The bank account does not agree with the paper; please correct it."),
        mark("Please hand in the invoicing particulars with seal."),
    ),
    "management": (mark("I agree."), mark("Not to be opened at present.")),
}

# An act's icon and colour; its words are those of every history (common.acts).
EVENTS: Mapping[str, tuple[str, str]] = {
    "application.create": ("pencil", "neutral"),
    "application.save": ("pencil", "neutral"),
    "paper.add": ("file-earmark-plus", "neutral"),
    "paper.change": ("file-earmark-diff", "neutral"),
    "paper.remove": ("file-earmark-minus", "neutral"),
    "evidence.attach": ("paperclip", "neutral"),
    "evidence.remove": ("paperclip", "neutral"),
    "submit": ("send", "neutral"),
    "withdraw": ("box-arrow-left", "warn"),
    "discard": ("trash", "warn"),
    "decide.approve": ("check-lg", "ok"),
    "decide.return": ("arrow-return-left", "warn"),
    "decide.reject": ("x-lg", "bad"),
    "opinion.ask": ("chat-left-text", "neutral"),
    "opinion.copy": ("send", "neutral"),
    "opinion.answer": ("chat-left-quote", "neutral"),
    "customer.admit": ("building-check", "ok"),
}


@bp.get(APPLICATION)
@reads("application.read")
def application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> str:
    """The application: the approver's page where its step waits for the reader, else to read."""
    return page(session, actor, application_id, now)


def page(
    session: Session,
    actor: Actor,
    application_id: int,
    now: datetime,
    errors: Mapping[str, Iterable[Any]] | None = None,
    refusals: Sequence[Refusal] = (),
) -> str:
    """The page, with what was refused of the last act upon it."""
    found = reading.view(session, actor, application_id)
    shown = statement(session, found, now)
    shown |= acts(session, actor, found, now)
    shown["events"] = events(session, reading.timeline(session, application_id, 60))
    template = "onboarding/decide.html" if found.may.decide else "onboarding/show.html"
    extra: dict[str, Any] = {"errors": errors or {}, "labels": {field: views.label(field) for field in errors or {}}}
    if found.may.decide:
        shown |= deciding(session, actor, found, now)
        extra |= typed(found, errors or {}, refusals)
        for item in shown["items"]:
            item["verdict"], item["remark"] = extra["given"][item["key"]]
    else:
        refusals = [*refusals, *found.may.decide_refusals]
    return render_template(
        template,
        view=shown,
        refusals=[{"clause": r.clause, "reason": show(r.reason)} for r in refusals],
        colleagues=service.colleagues(session, actor, now) if found.may.ask else [],
        **extra,
    )


def statement(session: Session, found: ApplicationView, now: datetime) -> dict[str, Any]:
    """What the applicant states, for `statement()` of the templates, and the head of the page."""
    row, on = found.application, local_day(now)

    def url(file_id: int) -> str:
        return views.file_url(row.id, file_id)

    changed = latest_changes(found)
    fields = {change.field for change in changed}
    struck = {line.struck_by_id for line, _product in found.lines if line.struck_by_id}
    papers = views.papers(found.papers, url, on, {field.partition(".")[0] for field in fields})
    checks = views.checks(found.checks, url)
    return {
        "id": row.id,
        "number": row.number,
        "title": row.name or row.number,
        "subtitle": _subtitle(found),
        "badge": views.badge(views.state_badge(found.case)),
        "company": views.facts(row, views.COMPANY, region=found.region.name if found.region else "", changed=fields),
        "invoicing": views.facts(row, views.INVOICING, changed=fields),
        "lines": views.lines(found.lines, names_of(session, struck), {f.partition(".")[0] for f in fields}),
        "checks": checks,
        "papers": papers,
        "files": views.viewer_files(papers, checks),
        "over_quota": row.over_quota,
        "round": found.case.round,
        "changes": diff(session, changed, ()),
        "changes_since": _("Against what was handed in in round %(round)d", round=len(found.rounds) - 1)
        if len(found.rounds) > 1
        else None,
        "customer_url": link("onboarding.customer", customer_id=found.customer.id) if found.customer else None,
    }


def _subtitle(found: ApplicationView) -> str:
    handed_in = ""
    if found.rounds:
        handed_in = _("handed in by %(who)s on %(at)s", who=found.submitter.name, at=day(found.rounds[-1].submitted_at))
    parts = [
        _("Account opening application %(number)s", number=found.application.number),
        _("round %(round)d", round=found.case.round) if found.case.round > 1 else "",
        handed_in or _("draft of %(who)s", who=found.account_manager.name),
    ]
    return " · ".join(part for part in parts if part)


def latest_changes(found: ApplicationView) -> tuple[Change, ...]:
    """What the present round changed against the one before."""
    if len(found.rounds) < 2:
        return ()
    return changes(found.rounds[-2].content, found.rounds[-1].content)


def diff(session: Session, rows: Iterable[Change], examined: Iterable[Change]) -> list[dict[str, Any]]:
    """Changes for `chain.changes`; those the reader's step examines are marked."""
    kept = list(rows)
    marked = set(map(_place, examined))
    return [
        {
            "label": _capital(show(shown.field)),
            "before": show(shown.old),
            "after": show(shown.new),
            "examined": _place(change) in marked,
        }
        for change, shown in zip(kept, showing.show_changes(session, kept), strict=True)
    ]


def _place(change: Change) -> tuple[str, str]:
    return change.group, change.field


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def names_of(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Accounts' names, by id."""
    wanted = {user_id for user_id in ids if user_id}
    if not wanted:
        return {}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def acts(session: Session, actor: Actor, found: ApplicationView, now: datetime) -> dict[str, Any]:
    """The chain, and what the reader can do besides deciding."""
    calendar = working_calendar(session)
    due = views.due(found.case, calendar, now)
    askers = names_of(session, {seen.opinion.asked_by_id for seen in found.opinions})
    steps = chain.steps(found.case, found.decisions, found.opinions, askers, due_shown=views.deadline(due))
    state = State(found.case.state)
    return {
        "steps": [*_handed_in(found), *steps],
        "line_steps": steps,
        "due": views.deadline(due),
        "had_steps": bool(found.decisions or found.opinions),
        "is_returned": state is State.RETURNED,
        "can_edit": found.may.edit,
        "can_withdraw": found.may.withdraw,
        "can_discard": found.may.edit and state in EDITABLE,
        "can_copy": found.may.copy,
        "can_ask": found.may.ask,
        "decisions": [views.reckoned(found.admission)] if found.admission else [],
    }


def _handed_in(found: ApplicationView) -> list[dict[str, Any]]:
    if not found.rounds:
        return []
    last = found.rounds[-1]
    return [
        {
            "label": _("Account manager"),
            "state": "approved",
            "verdict": _("Handed in"),
            "who": found.submitter.name,
            "at": moment(last.submitted_at),
            "iso": last.submitted_at.isoformat(),
        }
    ]


def deciding(session: Session, actor: Actor, found: ApplicationView, now: datetime) -> dict[str, Any]:
    """What the approver's page shows beyond the application: their items, what changed for them, in whose name."""
    step = ACCOUNT_OPENING.step(found.case.step or "")
    holder = capacity(actor, ACCOUNT_OPENING, found.case, found.facts)
    principal = holder[0] if holder else None
    changed = latest_changes(found)
    return {
        "step": step.key,
        "statement_first": step.always,
        "step_label": show(step.label),
        "case_version": found.case.version,
        "for_whom": principal.name if principal else None,
        "items": items(found, changed, local_day(now)),
        "changes": diff(session, changed, [change for change in changed if change.group in step.examines]),
        "strikeable": [
            {"id": line.product_line_id, "name": views.line_name(product), "class_label": views.class_label(line)}
            for line, product in found.lines
            if line.struck_at is None and "lines" in step.examines and len(found.lines) > 1
        ],
        "stock": [show(phrase) for phrase in STOCK[step.key]],
    }


def items(found: ApplicationView, changed: Iterable[Change], on: date) -> list[dict[str, Any]]:
    """The step's checklist: what the system knows of each item, and the paper that shows it."""

    def url(file_id: int) -> str:
        return views.file_url(found.application.id, file_id)

    papers = {paper.kind: (paper, stored) for paper, stored in found.papers}
    fields = {change.field.partition(".")[0] for change in changed}
    measured = {row["name"]: row for row in (found.admission.indicators if found.admission else [])}
    shown = []
    for index, item in enumerate(found.items):
        paper, stored = papers.get(item.key.removeprefix("paper."), (None, None))
        is_new = bool({field.rpartition(".")[2] for field in item.fields} & fields) or _line_of(item) in fields
        shown.append(
            {
                "key": str(index),
                "name": item.key,
                "label": show(item.label),
                "verdict": None,
                "remark": "",
                "hint": views.paper_facts(paper) if paper else _stated(found, item),
                "machine": _machine(item, measured, is_new=is_new, paper=paper, on=on),
                "evidence_url": views.file(stored, url)["url"] if stored else None,
            }
        )
    return shown


def _line_of(item: Item) -> str:
    return item.key.removeprefix("line.") if item.key.startswith("line.") else ""


# What the admission rule measured that bears on an item.
MEASURES = {
    "name_and_code": "duplicates",
    "bank_account": "bank_account",
    "region": "dealer_places",
    "particulars": "particulars",
    "lines": "lines",
    "checklist": "checklist",
    "papers": "papers",
    "tax_papers": "paper_set",
    "invoicing": "invoicing",
}


def _machine(item: Item, measured: Mapping[str, Any], *, is_new: bool, paper: Any, on: date) -> dict[str, str] | None:
    """What the system knows of an item: that it changed in this round, or what was measured."""
    known = views.known_of_paper(paper, on) if paper else None
    row = measured.get(MEASURES.get(item.key, ""))
    if known is None and row:
        known = views.measured(row)
    if is_new and (known is None or known["kind"] == "ok"):
        return {"kind": "warn", "text": _("changed in this round")}
    return known


def _stated(found: ApplicationView, item: Item) -> str:
    """What the applicant states on an item, so that it can be judged where it stands."""
    stated = views.facts(found.application, item.fields, region=found.region.name if found.region else "")
    if item.key.startswith("checklist."):
        rows = [row for row in found.checks if row.customer_class == item.key.partition(".")[2]]
        met = sum(row.check is not None and row.check.answer == "yes" for row in rows)
        words: str = _("%(met)d of %(total)d met", met=met, total=len(rows))
        return words
    if item.key == "taxpayer":
        return f"{found.application.name} · {found.application.taxpayer_number}"
    return " · ".join(str(fact["value"]) for fact in stated if fact["value"])


def typed(found: ApplicationView, errors: Mapping[str, Iterable[Any]], refusals: Sequence[Refusal]) -> dict[str, Any]:
    """What was typed into a decision that did not go through, and the messages at its items."""
    places = {f"items.{item.key}": f"items.{index}.remark" for index, item in enumerate(found.items)}
    at_fields = {field: [show(message) for message in messages] for field, messages in errors.items()}
    for refusal in refusals:
        if refusal.field:
            at_fields.setdefault(places.get(refusal.field, refusal.field), []).append(show(refusal.reason))
    form = request.form
    struck = {}
    for index in range(len(found.lines)):
        line_id = form.get(f"struck.{index}.product_line_id", "")
        if line_id.isdigit():
            struck[int(line_id)] = form.get(f"struck.{index}.reason", "")
    return {
        "errors": at_fields,
        "reason": form.get("reason", ""),
        "struck": struck,
        "go_on": request.method == "GET" or form.get("go_on") == "1",
        "given": {
            str(index): (form.get(f"items.{index}.verdict"), form.get(f"items.{index}.remark", ""))
            for index in range(len(found.items))
        },
    }


def events(session: Session, rows: Sequence[AuditEntry]) -> list[dict[str, Any]]:
    """The history, newest first; the savings of one sitting are told once."""
    for_whom = names_of(session, {row.on_behalf_of_id for row in rows})
    told: list[dict[str, Any]] = []
    for row in rows:
        icon, kind = EVENTS.get(row.action, ("dot", "neutral"))
        event = {
            "at": moment(row.at),
            "iso": row.at.isoformat(),
            "who": row.actor_name,
            "for_whom": for_whom.get(row.on_behalf_of_id or 0),
            "text": show(act_label(row.action)),
            "icon": icon,
            "kind": kind,
            "detail": row.reason if row.reason != "-" else "",
        }
        again = told and row.action == "application.save" and told[-1]["text"] == event["text"]
        if not again or told[-1]["who"] != event["who"]:
            told.append(event)
    return told
