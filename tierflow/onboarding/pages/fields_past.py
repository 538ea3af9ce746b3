"""A customer's history field by field: the table of its page, and the file to download (CHEM-8.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import mark, text
from tierflow.onboarding.pages.blueprint import CUSTOMER, bp
from tierflow.onboarding.schemas.shown_customers import PastSchema
from tierflow.onboarding.service.past import FIELDS, FieldChange, field_changes
from tierflow.web import exports
from tierflow.web.access import reads
from tierflow.web.exports import Column
from tierflow.web.i18n import show
from tierflow.web.paging import Page
from tierflow.web.schemas import load
from tierflow.web.shell import moment

# Where a matter is shown, the name of its id there, what the link says, and who may follow it.
MATTERS: dict[str, tuple[str, str, str, str]] = {
    "customer_change": ("onboarding.customer_change", "change_id", mark("Change of particulars"), "customer.read"),
    "paper_renewal": ("onboarding.renewal", "renewal_id", mark("Paper handed in anew"), "customer.read"),
    "application": ("onboarding.application", "application_id", mark("The application"), "application.read"),
    "disqualification": (
        "onboarding.disqualification",
        "disqualification_id",
        mark("Disqualification"),
        "disqualification.read",
    ),
    "handover": ("onboarding.handover", "handover_id", mark("Handover"), "handover.read"),
}


def asked(session: Session, actor: Actor, customer_id: int, args: Any) -> Page[FieldChange]:
    """The page of changes an address asks for. Raises `Invalid` for what no link of ours says."""
    given = load(PastSchema(), {name: args[name] for name in ("field", "cursor") if args.get(name)})
    return field_changes(session, actor, customer_id, field=given["field"], cursor=given["cursor"])


def choices() -> list[tuple[str, str]]:
    """What the table can be narrowed to."""
    return [(field, capital(show(label))) for field, label in FIELDS.items()]


def row(change: FieldChange, actor: Actor) -> dict[str, Any]:
    """One line of the table."""
    return {
        "label": capital(show(change.label)),
        "old": show(change.old),
        "new": show(change.new),
        "by": change.by,
        "at": moment(change.at),
        "reason": change.reason,
        "examined": [
            {"step": show(one.step), "who": one.who, "for_whom": one.for_whom, "at": moment(one.at)}
            for one in change.examined
        ],
        **_link(change, actor),
    }


def _link(change: FieldChange, actor: Actor) -> dict[str, str]:
    if change.matter is None:
        return {}
    word, matter_id = change.matter
    endpoint, name, label, action = MATTERS[word]
    given: dict[str, Any] = {name: matter_id}
    return {"url": url_for(endpoint, **given), "matter": show(label)} if is_allowed(actor, action) else {}


def capital(words: str) -> str:
    """A label that begins a line."""
    return words[:1].upper() + words[1:]


def _examiners(change: FieldChange) -> str:
    semicolon: str = _("; ")
    return semicolon.join(
        _("%(who)s for %(whom)s", who=one.who, whom=one.for_whom) if one.for_whom else one.who
        for one in change.examined
    )


COLUMNS = [
    Column(text("Since"), lambda row: row.at, "moment", 18),
    Column(text("Field"), lambda row: capital(show(row.label)), width=24),
    Column(text("Before"), lambda row: show(row.old), "code", 36),
    Column(text("Now"), lambda row: show(row.new), "code", 36),
    Column(text("Examined by"), _examiners, width=24),
    Column(text("Put in force by"), lambda row: row.by),
    Column(text("Reason"), lambda row: row.reason, width=36),
]


@bp.post(f"{CUSTOMER}/history/export")
@reads("customer.export", preview=True)
def export_past(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Response:
    """The history as a file, narrowed as the page it was asked from."""
    given = load(PastSchema(), {"field": request.form.get("field") or None})
    return exports.download(
        _every(session, actor, customer_id, given["field"]),
        COLUMNS,
        form="csv" if request.form.get("form") == "csv" else "xlsx",
        name=f"customer-{customer_id}-history",
        title=_("Field by field"),
        actor=actor,
        now=now,
    )


def _every(session: Session, actor: Actor, customer_id: int, field: str | None) -> Iterator[FieldChange]:
    require(actor, "customer.export")
    cursor, given = None, 0
    while given <= exports.MOST_ROWS:
        page = field_changes(session, actor, customer_id, field=field, cursor=cursor, size=1000)
        given += len(page.rows)
        yield from page.rows
        cursor = page.after
        if cursor is None:
            return
