"""How a customer's file came to read as it does: field by field, old beside new, who examined it and why (CHEM-8.1).

Nothing is kept for this besides: the audit's entries say what changed, the matters that led to them who examined it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import literal, or_, select, true, tuple_, union_all
from sqlalchemy.orm import Session, aliased

from tierflow.common.approvals import CHAINS, ApprovalCase, ApprovalDecision
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import get_visible
from tierflow.common.users import User
from tierflow.kernel.approval import Verdict, digest
from tierflow.kernel.qualification import DATED
from tierflow.kernel.qualification import label as paper_label
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.models import Application, CustomerChange, Disqualification, Handover, Paper, PaperRenewal
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.rules.examining import FIELD_GROUPS
from tierflow.onboarding.rules.labels import FIELD_LABELS
from tierflow.onboarding.rules.leaving import GROUNDS
from tierflow.onboarding.service import showing
from tierflow.onboarding.service.creating import CUSTOMER
from tierflow.onboarding.service.showing import Shown
from tierflow.web.paging import Page, Sort, page_of

ACCEPTED, DISQUALIFIED, READMITTED = "paper.accept", "customer.disqualify", "customer.readmit"
_OPENED = ("customer.admit", READMITTED, "customer.supplement")
ACTS = (*_OPENED, "customer.change", "customer.hand_over", DISQUALIFIED, ACCEPTED)

# What a history can be narrowed to, and what it is called.
PLAIN = (*FIELD_GROUPS, "region", "account_manager")
FIELDS: Mapping[str, Text] = {
    **{field: Text(FIELD_LABELS[field]) for field in FIELD_GROUPS},
    "region": text("sales region"),
    "account_manager": text("account manager"),
    "lines": text("product lines and classes"),
    "status": text("status"),
    **{kind: paper_label(kind) for kind in DATED},
}
IN_BUSINESS = mark("in business")


class Matter(NamedTuple):
    """What led to a change: `customer_change`, `paper_renewal`, `application`, `disqualification`, `handover`."""

    type: str
    id: int


@dataclass(frozen=True)
class Examined:
    """One step's approval: who gave it, and in whose name."""

    step: Text
    who: str
    for_whom: str | None
    at: datetime
    reason: str


@dataclass(frozen=True)
class FieldChange:
    """One field's change, in words. `by`: whose act put it in force; `matter`: what led to it."""

    at: datetime
    field: str
    label: Text
    old: Shown
    new: Shown
    by: str
    reason: str
    matter: Matter | None
    examined: Sequence[Examined]


def field_changes(
    session: Session,
    actor: Actor,
    customer_id: int,
    *,
    field: str | None = None,
    cursor: str | None = None,
    size: int = 30,
) -> Page[FieldChange]:
    """What changed in a customer's file, newest first, a page of acts by key; seven queries. `field`: one of `FIELDS`.

    Who examined an application is told to whoever may read applications. Raises `NotFound`.
    """
    require(actor, "customer.read")
    customer = get_visible(session, actor, customer_id)
    query = select(AuditEntry).where(
        AuditEntry.subject_type == CUSTOMER,
        AuditEntry.subject_id == customer.id,
        AuditEntry.action.in_(ACTS),
        _about(field),
    )
    page = page_of(session, query, [Sort("seq", AuditEntry.seq, True)], cursor=cursor, size=size)
    entries: Sequence[AuditEntry] = page.rows
    matters = _matters(session, customer.id, entries)
    examined = _examined(session, actor, matters.values())
    papers = session.scalars(select(Paper).where(Paper.customer_id == customer.id).order_by(Paper.id)).all()
    names = showing.line_names(session, {key[5:] for row in entries for key in _keys(row) if key.startswith("line.")})
    rows = []
    for entry in entries:
        matter = matters.get(_key(entry))
        seen = examined.get(matter, ()) if matter else ()
        for key, label, old, new in _changed(entry, papers, names):
            if field in (None, key, *(("lines",) if key.startswith("line.") else ())):
                rows.append(FieldChange(entry.at, key, label, old, new, entry.actor_name, _why(entry), matter, seen))
    return Page(rows, page.after, page.before, page.size)


def _why(entry: AuditEntry) -> str:
    return entry.reason.removeprefix("-") or str(entry.after.get("remark") or "")


def _about(field: str | None) -> Any:
    """SQL condition: the entries that say something about a field."""
    if field is None:
        return true()
    if field in DATED:
        return (AuditEntry.action == ACCEPTED) & (AuditEntry.after["kind"].as_string() == field)
    if field == "lines":
        return AuditEntry.action.in_(_OPENED)
    if field == "status":
        return AuditEntry.action.in_((DISQUALIFIED, READMITTED))
    sides = (AuditEntry.before, AuditEntry.after)
    return or_(*(side[field].as_string().is_not(None) for side in sides))


def _keys(entry: AuditEntry) -> list[str]:
    return list({**entry.before, **entry.after})


def _changed(
    entry: AuditEntry, papers: Sequence[Paper], names: Mapping[int, str]
) -> Iterator[tuple[str, Text, Shown, Shown]]:
    """An entry field by field: key, label, old and new in words."""
    before, after = entry.before, entry.after
    if entry.action == ACCEPTED:
        kind = after["kind"]
        yield kind, paper_label(kind), _on_file(papers, kind, entry.at), _handed_in(after)
    if entry.action == DISQUALIFIED:
        ground = GROUNDS[after["ground"]]
        why = text("disqualified: %(ground)s", ground=Text(ground))
        yield "status", FIELDS["status"], Text(IN_BUSINESS), why
    if entry.action == READMITTED:
        yield "status", FIELDS["status"], text("disqualified"), Text(IN_BUSINESS)
    for key in _keys(entry):
        old, new = before.get(key), after.get(key)
        if key in PLAIN:
            yield key, FIELDS[key], old or "—", new or "—"
        elif key.startswith("line."):
            yield key, Text(names.get(int(key[5:]), key)), _class(old), _class(new)


def _class(value: str | None) -> Shown:
    return Text(CLASS_LABELS[value]) if value else "—"


def _handed_in(after: Mapping[str, Any]) -> Shown:
    if after["is_proof"]:
        return text("proof of renewal until %(day)s", day=after["valid_to"])
    return showing.printed(after)


def _on_file(papers: Sequence[Paper], kind: str, at: datetime) -> Shown:
    """The version on file before that instant."""
    older = [row for row in papers if row.kind == kind and row.added_at < at]
    if not older:
        return "—"
    row = older[-1]
    said = {name: getattr(row, name) for name in ("number", "issuer", "is_long_term")}
    days = {name: value.isoformat() if (value := getattr(row, name)) else None for name in ("valid_from", "valid_to")}
    return showing.printed({**said, **days})


Key = tuple[str, datetime | None, str]
_MATTERS = {"customer.hand_over": "handover", DISQUALIFIED: "disqualification"}


def _key(entry: AuditEntry) -> Key:
    """How an entry finds its matter: by the instant that decided it and what it says, or by the number it names."""
    if entry.action in _OPENED:
        return "application", None, str(entry.after.get("application"))
    if entry.action == ACCEPTED:
        return "paper_renewal", entry.at, entry.after["kind"]
    if entry.action == "customer.change":
        return "customer_change", entry.at, digest(entry.after)
    return _MATTERS[entry.action], entry.at, ""


def _matters(session: Session, customer_id: int, entries: Sequence[AuditEntry]) -> dict[Key, Matter]:
    """The matters that led to the entries. Two queries."""
    at = {entry.at for entry in entries}
    found: dict[Key, Matter] = {}
    changes = select(CustomerChange.id, CustomerChange.decided_at, CustomerChange.new).where(
        CustomerChange.customer_id == customer_id, CustomerChange.decided_at.in_(at)
    )
    for change_id, when, new in session.execute(changes):
        found[("customer_change", when, digest(new))] = Matter("customer_change", change_id)
    tables: tuple[tuple[str, Any, Any, Any], ...] = (
        ("paper_renewal", PaperRenewal, PaperRenewal.decided_at, PaperRenewal.kind),
        ("disqualification", Disqualification, Disqualification.decided_at, literal("")),
    )
    parts: list[Any] = [
        select(literal(word).label("word"), table.id.label("id"), when.label("at"), key.label("key")).where(
            table.customer_id == customer_id, when.in_(at)
        )
        for word, table, when, key in tables
    ]
    parts += [
        select(literal("handover"), Handover.id, Handover.done_at, literal("")).where(Handover.done_at.in_(at)),
        select(literal("application"), Application.id, Application.created_at, Application.number).where(
            Application.customer_id == customer_id
        ),
    ]
    for word, matter_id, when, key in session.execute(union_all(*parts)):
        found[(word, None if word == "application" else when, key)] = Matter(word, matter_id)
    return found


def _examined(session: Session, actor: Actor, matters: Iterable[Matter]) -> Mapping[Matter, Sequence[Examined]]:
    """The approvals that stand, by matter and in the order they were given. One query."""
    told = [one for one in matters if one[0] != "application" or is_allowed(actor, "application.read")]
    principal = aliased(User)
    query = (
        select(ApprovalCase, ApprovalDecision, User.name, principal.name)
        .join(ApprovalDecision, ApprovalDecision.case_id == ApprovalCase.id)
        .join(User, User.id == ApprovalDecision.user_id)
        .outerjoin(principal, principal.id == ApprovalDecision.on_behalf_of_id)
        .where(tuple_(ApprovalCase.subject_type, ApprovalCase.subject_id).in_(told))
        .where(ApprovalDecision.verdict == Verdict.APPROVE.value)
        .order_by(ApprovalDecision.id)
    )
    found: dict[Matter, dict[str, Examined]] = {}
    for case, row, who, for_whom in session.execute(query):
        steps = found.setdefault(Matter(case.subject_type, case.subject_id), {})
        label = Text(CHAINS[case.chain].step(row.step).label)
        steps.pop(row.step, None)  # asked again in a later round
        reason = row.reason if row.reason != "-" else ""
        steps[row.step] = Examined(label, who, for_whom, row.decided_at, reason)
    return {matter: list(steps.values()) for matter, steps in found.items()}
