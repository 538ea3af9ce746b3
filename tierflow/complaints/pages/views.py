"""Complaints as the templates show them: badges, countdowns, steps, timelines, choices for forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from tierflow.common.files import StoredFile
from tierflow.common.reference import Product
from tierflow.complaints.rules.words import (
    CHANNELS,
    MEASURES,
    SEVERITY_LABELS,
    STATE_LABELS,
    Severity,
    State,
)
from tierflow.complaints.service.queries import Card, Countdown
from tierflow.complaints.service.whole import Whole
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.text import mark
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web.i18n import language, show
from tierflow.web.shell import day, moment

SEVERITY_KINDS = {Severity.GENERAL: "neutral", Severity.MAJOR: "warn", Severity.SERIOUS: "bad"}
SEVERITY_ICONS = {
    Severity.GENERAL: "chat-square",
    Severity.MAJOR: "exclamation-triangle",
    Severity.SERIOUS: "exclamation-octagon-fill",
}
STATE_KINDS = {
    State.HANDLING: ("info", "tools"),
    State.IN_APPROVAL: ("info", "hourglass-split"),
    State.APPROVED: ("warn", "telephone-outbound"),
    State.ANSWERED: ("ok", "chat-square-text"),
    State.CLOSED: ("neutral", "check2-circle"),
}
CUSTOMERS_LISTED = 500


def severity_badge(severity: str) -> dict[str, str]:
    """Badge of a severity: kind, icon, word."""
    word = Severity(severity)
    return {"kind": SEVERITY_KINDS[word], "icon": SEVERITY_ICONS[word], "text": show(SEVERITY_LABELS[word])}


def state_badge(state: str) -> dict[str, str]:
    """Badge of a state."""
    kind, icon = STATE_KINDS[State(state)]
    return {"kind": kind, "icon": icon, "text": show(STATE_LABELS[State(state)])}


def span(minutes: int) -> str:
    """Working time in words: 3 h 20 min."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return str(_("%(minutes)d min", minutes=rest))
    return str(_("%(hours)d h %(minutes)d min", hours=hours, minutes=rest) if rest else _("%(hours)d h", hours=hours))


def countdown(found: Countdown, now: datetime) -> dict[str, Any]:
    """A clock in words, for the macro `clock`: how it stands, the exact time on hover, the share of time used."""
    at = moment(found.due_at)
    shown = {
        "at": at,
        "iso": found.due_at.astimezone(SHANGHAI).isoformat(),
        "percent": found.percent_used,
        "provisional": found.is_provisional,
        "breached": found.was_breached,
    }
    if found.outcome == "in_time":
        return {**shown, "kind": "ok", "icon": "check-circle-fill", "text": _("Answered in time")}
    if found.outcome == "told_late":
        return {**shown, "kind": "bad", "icon": "x-octagon-fill", "text": _("Answered late")}
    if found.outcome == "late":
        days = -found.days_left
        if days <= 0:
            text = _("Overdue since %(time)s", time=found.due_at.astimezone(SHANGHAI).strftime("%H:%M"))
        else:
            text = ngettext("Overdue by %(num)d working day", "Overdue by %(num)d working days", days)
        if found.is_paused:
            text = f"{text} · {_('Paused')}"
        return {**shown, "kind": "bad", "icon": "alarm-fill", "text": text, "percent": 100}
    if found.outcome == "paused":
        return {**shown, "kind": "neutral", "icon": "pause-circle", "text": _("Paused")}
    is_today = local_day(found.due_at) == local_day(now)
    if is_today or found.days_left == 0:  # an amended calendar may take the day it is due from the working days
        rest = span(found.minutes_left)
        text = _("Due today, %(left)s left", left=rest) if is_today else _("%(left)s of working time left", left=rest)
        return {**shown, "kind": "warn", "icon": "alarm", "text": text}
    left = ngettext("%(num)d working day left", "%(num)d working days left", found.days_left)
    kind = "warn" if found.days_left <= 1 else "neutral"
    return {**shown, "kind": kind, "icon": "clock" if kind == "neutral" else "alarm", "text": left}


def product_name(product: Product) -> str:
    """The product in the reader's language."""
    return product.name_en if language() == "en" and product.name_en else product.name


def card(found: Card, now: datetime) -> dict[str, Any]:
    """A card or a row of the list."""
    complaint = found.complaint
    return {
        "id": complaint.id,
        "number": complaint.number,
        "url": url_for("complaints.detail", complaint_id=complaint.id),
        "customer": complaint.customer_name,
        "unknown": complaint.customer_id is None,
        "suspended": complaint.was_suspended,
        "product": product_name(found.product),
        "batch": complaint.batch,
        "manager": found.manager,
        "severity": severity_badge(complaint.severity),
        "state": state_badge(complaint.state),
        "is_open": complaint.state in (State.HANDLING, State.IN_APPROVAL, State.APPROVED),
        "needs_meeting": complaint.needs_meeting,
        "clock": countdown(found.countdown, now),
        "said_at": moment(complaint.said_at),
        "due_time": found.countdown.due_at.astimezone(SHANGHAI).strftime("%H:%M"),
        "again": found.clock.number > 1,
    }


def facts(found: Whole) -> list[dict[str, Any]]:
    """The particulars for `parts.dl`."""
    complaint = found.card.complaint
    quantity = complaint.quantity_grams
    return [
        {"label": _("Product"), "value": product_name(found.card.product)},
        {"label": _("Batch"), "value": complaint.batch, "mono": True},
        {"label": _("Lifting order number"), "value": complaint.lifting_order, "mono": True},
        {
            "label": _("Quantity"),
            "value": _("%(tonnes)s t", tonnes=format_tonnes(quantity)) if quantity is not None else None,
        },
        {"label": _("Contact"), "value": " · ".join(filter(None, (complaint.contact_name, complaint.contact_phone)))},
        {"label": _("Came in by"), "value": show(CHANNELS[complaint.channel])},
        {"label": _("Customer spoke"), "value": moment(complaint.said_at)},
        {"label": _("Keyed in"), "value": f"{moment(complaint.keyed_at)} · {found.taken_by}"},
    ]


def measure_row(measure: Any, owner: str, now: datetime) -> dict[str, Any]:
    """A measure in a table."""
    amounts = []
    if measure.quantity_grams is not None:
        amounts.append(_("%(tonnes)s t", tonnes=format_tonnes(measure.quantity_grams)))
    if measure.amount_fen is not None:
        amounts.append(f"¥{format_yuan(measure.amount_fen)}")
    if measure.checked_at is not None:
        state = {"kind": "ok", "text": _("Checked"), "icon": "clipboard-check"}
    elif measure.done_at is not None:
        state = {"kind": "info", "text": _("Done, to be checked"), "icon": "hourglass-split"}
    elif measure.agreed_at is None:
        state = {"kind": "neutral", "text": _("Drafted"), "icon": "pencil"}
    elif now > measure.due_at:
        state = {"kind": "bad", "text": _("Overdue"), "icon": "alarm-fill"}
    else:
        state = {"kind": "warn", "text": _("To be done"), "icon": "tools"}
    return {
        "id": measure.id,
        "kind": show(MEASURES[measure.kind]),
        "what": measure.what,
        "amount": " · ".join(amounts),
        "owner": owner,
        "due": day(measure.due_on),
        "proof": measure.proof,
        "remark": measure.remark,
        "state": state,
        "url": url_for("complaints.measure", measure_id=measure.id) if measure.agreed_at is not None else None,
    }


def photo_files(files: Sequence[StoredFile], url: Any) -> list[dict[str, Any]]:
    """Files for the macro `viewer`; `url` makes a file's address of its id."""
    return [
        {
            "name": stored.name,
            "url": url(stored.id),
            "kind": "pdf" if stored.kind == "pdf" else "image",
            "meta": f"{stored.size / 1024 / 1024:.1f} MB",
        }
        for stored in files
    ]


def summary(session: Session, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a colleague is shown whose opinion is asked: the content handed in, in words."""
    lines = []
    for group in ("facts", "opinion", "extension"):
        for key, value in (content.get(group) or {}).items():
            if value not in (None, ""):
                lines.append(
                    {"label": show(_FIELD_WORDS.get(key, key)), "value": str(value), "wide": len(str(value)) > 40}
                )
    return lines


_FIELD_WORDS = {
    "number": mark("Number"),
    "complaint": mark("Number"),
    "customer": mark("Customer"),
    "product": mark("Product"),
    "batch": mark("Batch"),
    "facts": mark("Facts"),
    "demand": mark("What the customer wants"),
    "cause": mark("Cause"),
    "proposal": mark("Handling opinion"),
    "circumstance": mark("Circumstance"),
}
