"""What happened to a complaint, for the macros `stepper` and `timeline`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from tierflow.common.approvals import CHAINS, ApprovalCase
from tierflow.complaints.models import ClockEvent, ErrandEvent
from tierflow.complaints.pages.choices import satisfaction_options
from tierflow.complaints.rules.errands import ERRAND_LABELS, TOLD_LABELS, ErrandKind, Level
from tierflow.complaints.rules.words import EVENT_LABELS, Event
from tierflow.complaints.service.whole import Decisions, Whole
from tierflow.kernel.approval import State as CaseState
from tierflow.web.i18n import show
from tierflow.web.shell import moment


def chain_steps(case: ApprovalCase, decisions: Decisions, due: str | None = None) -> list[dict[str, Any]]:
    """An approval chain for the macro `stepper`: the present round, what was decided, what waits."""
    chain = CHAINS[case.chain]
    by_step: dict[str, Any] = {
        row.step: (row, who, behalf) for row, who, behalf in decisions if row.round == case.round
    }
    steps = []
    for step in chain.steps:
        row, who, behalf = by_step.get(step.key, (None, None, None))
        words = {"approve": "approved", "return": "returned", "reject": "rejected"}
        if row is not None:
            state = words[row.verdict]
        elif case.state == CaseState.IN_APPROVAL and case.step == step.key:
            state = "current"
        elif case.state == CaseState.DISCARDED:
            state = "void"
        else:
            state = "waiting"
        steps.append(
            {
                "label": show(step.label),
                "state": state,
                "who": who,
                "for_whom": behalf,
                "at": moment(row.decided_at) if row is not None else None,
                "reason": row.reason if row is not None else None,
                "verdict": _("Void") if state == "void" else None,
                "due": due if state == "current" else None,
            }
        )
    return steps


_EVENT_LOOK = {
    Event.RECEIVED: ("neutral", "telephone-inbound"),
    Event.EXTENDED: ("neutral", "hourglass-split"),
    Event.RECLASSIFIED: ("neutral", "shuffle"),
    Event.PAUSED: ("neutral", "pause-circle"),
    Event.RESUMED: ("neutral", "play-circle"),
    Event.PUBLISHED: ("neutral", "calendar-check"),
    Event.AMENDED: ("neutral", "calendar-event"),
    Event.KEPT: ("neutral", "calendar-event"),
    Event.HALFWAY: ("warn", "bell"),
    Event.DUE_DAY: ("warn", "bell-fill"),
    Event.BREACHED: ("bad", "alarm-fill"),
    Event.ESCALATED: ("bad", "arrow-up-circle-fill"),
    Event.TOLD: ("ok", "telephone-outbound"),
}


def event_line(event: ClockEvent, who: str | None, number: int) -> dict[str, Any]:
    """A clock event for the macro `timeline`."""
    kind, icon = _EVENT_LOOK[Event(event.kind)]
    details = []
    if event.due_at is not None:
        details.append(_("due %(at)s, working day %(day)d", at=moment(event.due_at), day=event.limit_days or 0))
        if event.is_provisional:
            details.append(_("provisional"))
    if event.note:
        details.append(event.note)
    text = show(EVENT_LABELS[Event(event.kind)])
    if number > 1 and event.kind == Event.RECEIVED:
        text = _("Complaint reopened, clock %(number)d", number=number)
    elif number > 1:
        text = _("%(event)s (clock %(number)d)", event=text, number=number)
    return {
        "at": moment(event.at),
        "sort": event.at,
        "who": who,
        "text": text,
        "kind": kind,
        "icon": icon,
        "detail": " · ".join(details),
        "clause": "CHEM-12.3" if kind == "bad" else None,
    }


def timeline(found: Whole) -> list[dict[str, Any]]:
    """Everything that happened, newest first."""
    lines = [event_line(*row) for row in found.events]
    for asked, department, asker, answerer in found.consultations:
        what = _("asked %(department)s", department=department.name)
        lines.append(_line(asked.asked_at, asker, what, "chat-left-text", asked.question))
        if asked.answered_at is not None:
            what = _("answered for %(department)s", department=department.name)
            lines.append(_line(asked.answered_at, answerer, what, "chat-left-dots-fill", asked.answer))
    errands = {
        (ErrandKind.CONSULTATION, asked.id): department.name for asked, department, *_people in found.consultations
    }
    errands |= {
        (ErrandKind.MEASURE, measure.id): measure.what for seen in found.opinions for measure, _owner in seen.measures
    }
    lines += [raised_line(event, errands.get((ErrandKind(event.kind), event.subject_id))) for event in found.raised]
    for meeting, who in found.meetings:
        lines.append(_line(meeting.recorded_at, who, _("recorded the special meeting"), "people", meeting.conclusion))
    for seen in found.opinions:
        what = _("drafted opinion %(number)d", number=seen.opinion.number)
        lines.append(_line(seen.opinion.drafted_at, seen.drafted_by, what, "pencil-square"))
        lines += [_verdict(decision, who, behalf, "opinion") for decision, who, behalf in seen.decisions]
        for measure, _owner in seen.measures:
            if measure.done_at is not None:
                by = found.names.get(measure.done_by_id or 0)
                lines.append(_line(measure.done_at, by, _("reported as done: %(what)s", what=measure.what), "tools"))
            if measure.checked_at is not None:
                by = found.names.get(measure.checked_by_id or 0)
                checked = _("checked: %(what)s", what=measure.what)
                lines.append({**_line(measure.checked_at, by, checked, "clipboard-check"), "kind": "ok"})
    for extension, _case, who, decisions in found.extensions:
        what = _("asked for time until working day %(day)d", day=extension.to_day)
        lines.append(_line(extension.requested_at, who, what, "hourglass-split", extension.circumstance))
        lines += [_verdict(decision, decider, behalf, "extension") for decision, decider, behalf in decisions]
    scores = dict(satisfaction_options())
    for closing in found.closings:
        detail = " · ".join(filter(None, (scores.get(closing.satisfaction or 0), closing.note)))
        closed = _line(closing.at, closing.by, _("closed the complaint"), "check2-circle", detail or None)
        lines.append({**closed, "kind": "ok"})
    return sorted(lines, key=lambda line: line["sort"], reverse=True)


def raised_line(event: ErrandEvent, what: str | None) -> dict[str, Any]:
    """Somebody was told that a measure, a department's answer or an inquiry is due or overdue."""
    level = Level(event.level)
    text = show(TOLD_LABELS[level])
    if what is not None:
        text = _(
            "%(kind)s “%(what)s”: %(event)s", kind=show(ERRAND_LABELS[ErrandKind(event.kind)]), what=what, event=text
        )
    icon = {Level.OWNER: "bell", Level.SALES_MANAGER: "alarm-fill"}.get(level, "arrow-up-circle-fill")
    line = _line(event.at, None, text, icon, _("due %(at)s", at=moment(event.due_at)))
    return {**line, "kind": "warn" if level is Level.OWNER else "bad"}


def _line(at: datetime, who: str | None, text: str, icon: str, detail: str | None = None) -> dict[str, Any]:
    return {"at": moment(at), "sort": at, "who": who, "text": text, "icon": icon, "kind": "neutral", "detail": detail}


def _verdict(decision: Any, who: str, behalf: str | None, what: str) -> dict[str, Any]:
    words = {
        ("opinion", "approve"): _("approved the opinion"),
        ("opinion", "return"): _("returned the opinion"),
        ("opinion", "reject"): _("rejected the opinion"),
        ("extension", "approve"): _("approved the extension"),
        ("extension", "reject"): _("refused the extension"),
    }
    kind, icon = ("ok", "check-circle") if decision.verdict == "approve" else ("warn", "arrow-return-left")
    text = words[(what, decision.verdict)]
    line = _line(decision.decided_at, who, text, icon, decision.reason or None)
    return {**line, "kind": kind, "for_whom": behalf}
