"""Regions, departments, offices, warehouses, product lines and products: each has a period, nothing is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import add_unique, lock_rows, plain, refuse_stale, stamp, values_of
from tierflow.common import audit
from tierflow.common.approvals import ApprovalCase
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import in_force
from tierflow.common.reference import KINDS, Department, Office, OfficeTie, Product, ProductLine, Region, Warehouse
from tierflow.common.users import RoleGrant, User
from tierflow.kernel.approval import ENDED
from tierflow.kernel.errors import Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, mark, text
from tierflow.web.paging import Page, Sort, page_of

Entry = Region | Department | Office | Warehouse | ProductLine | Product


@dataclass(frozen=True)
class Kind:
    """A kind of reference data: its words, and which fields may be edited or are set once."""

    key: str
    one: str
    many: str
    icon: str
    editable: tuple[str, ...] = ("name",)
    fixed: tuple[str, ...] = ("code", "from_on")
    parent: str | None = None  # the kind it belongs to


REFERENCE: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind("region", mark("Region"), mark("Regions"), "map"),
        Kind("department", mark("Department"), mark("Company departments"), "diagram-3"),
        Kind("office", mark("Resident factory office"), mark("Resident factory offices"), "building"),
        Kind(
            "warehouse",
            mark("Warehouse"),
            mark("Warehouses"),
            "box-seam",
            editable=("name", "address", "office_id"),
            parent="office",
        ),
        Kind(
            "product_line",
            mark("Product line"),
            mark("Product lines"),
            "diagram-2",
            editable=("name", "name_en"),
            fixed=("code", "from_on", "scheme"),
        ),
        Kind(
            "product",
            mark("Product"),
            mark("Products"),
            "droplet",
            editable=("name", "name_en"),
            fixed=("code", "from_on", "product_line_id"),
            parent="product_line",
        ),
    )
}

SCHEME_LABELS = {"polyolefin": mark("Polyolefin"), "other": mark("Other products")}

# (session, kind, id, day) -> what still uses the entry on that day or later. Domains add theirs in `app.py`.
Usage = Callable[[Session, str, int, date], Iterable[Text]]
USAGES: list[Usage] = []


@dataclass(frozen=True)
class EntryRow:
    """An entry with its parent's name. `state`: in_force, to_come, over."""

    entry: Entry
    parent: str | None
    state: str
    stamp: str


def kind_of(key: str) -> Kind:
    """The kind of that key. Raises `NotFound`."""
    if key not in REFERENCE:
        raise NotFound
    return REFERENCE[key]


def state_of(entry: Entry, on: date) -> str:
    """Where an entry stands on a day, in one word."""
    if entry.from_on > on:
        return "to_come"
    return "in_force" if entry.to_on is None or entry.to_on > on else "over"


def list_entries(
    session: Session, actor: Actor, key: str, filters: Mapping[str, Any], now: datetime, *, cursor: str | None = None
) -> Page[EntryRow]:
    """Entries of a kind by code: `q` (code, name), `state` (in_force, to_come, over). Two queries."""
    require(actor, "reference.read")
    kind = kind_of(key)
    model: Any = KINDS[key]
    on = local_day(now)
    query: Any = select(model)
    if wanted := filters.get("q"):
        query = query.where(or_(*[func.lower(c).contains(wanted.casefold(), autoescape=True) for c in _named(model)]))
    match filters.get("state"):
        case "in_force":
            query = query.where(in_force(model.from_on, model.to_on, on))
        case "to_come":
            query = query.where(model.from_on > on)
        case "over":
            query = query.where(model.to_on <= on)
    page = page_of(session, query, [Sort("code", model.code)], cursor=cursor, size=50)
    return Page(_rows(session, kind, page.rows, on), page.after, page.before, page.size)


def _named(model: Any) -> list[Any]:
    return [model.code, model.name, *([model.name_en] if hasattr(model, "name_en") else [])]


def _rows(session: Session, kind: Kind, entries: Sequence[Any], on: date) -> list[EntryRow]:
    parents: dict[int, str] = {}
    if kind.parent is not None:
        model: Any = KINDS[kind.parent]
        ids = {getattr(entry, f"{kind.parent}_id") for entry in entries} - {None}
        parents = {row.id: row.name for row in session.execute(select(model.id, model.name).where(model.id.in_(ids)))}
    return [
        EntryRow(
            entry,
            parents.get(getattr(entry, f"{kind.parent}_id", None) or 0),
            state_of(entry, on),
            stamp(entry, kind.editable),
        )
        for entry in entries
    ]


def get(session: Session, actor: Actor, key: str, entry_id: int, now: datetime) -> EntryRow:
    """One entry. Raises `NotFound`."""
    require(actor, "reference.read")
    kind = kind_of(key)
    return _rows(session, kind, [_entry(session, key, entry_id)], local_day(now))[0]


def _entry(session: Session, key: str, entry_id: int) -> Any:
    kind_of(key)
    entry = session.get(KINDS[key], entry_id)
    if entry is None:
        raise NotFound
    return entry


def history(session: Session, actor: Actor, key: str, entry_id: int) -> list[AuditEntry]:
    """Every change of an entry, newest first; the latest hundred."""
    require(actor, "reference.read")
    _entry(session, key, entry_id)
    return list(
        session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_type == key, AuditEntry.subject_id == entry_id)
            .order_by(AuditEntry.seq.desc())
            .limit(100)
        )
    )


def parents(session: Session, key: str, on: date) -> list[tuple[int, str]]:
    """What an entry of this kind may belong to on a day or later: id and name."""
    parent = kind_of(key).parent
    if parent is None:
        return []
    model: Any = KINDS[parent]
    query = select(model.id, model.code, model.name).where((model.to_on.is_(None)) | (model.to_on > on))
    return [(row.id, f"{row.name} ({row.code})") for row in session.execute(query.order_by(model.code))]


def create(session: Session, actor: Actor, key: str, data: Mapping[str, Any], now: datetime) -> Entry:
    """A new entry. The code, first day, scheme and product line are set once. Raises `Invalid`."""
    require(actor, "reference.write")
    kind = kind_of(key)
    _check_parent(session, kind, data, data["from_on"])
    fields = [*kind.fixed, *kind.editable]
    entry: Entry = KINDS[key](**{field: _given(data, field) for field in fields})
    add_unique(session, entry, "code", text("This code is taken."))
    audit.record(session, actor, "reference.create", key, entry.id, now, after=values_of(entry, fields))
    return entry


def _given(data: Mapping[str, Any], field: str) -> Any:
    blank = "" if field in ("address", "name_en") else None
    return data.get(field) if data.get(field) is not None else blank


def edit(session: Session, actor: Actor, key: str, entry_id: int, data: Mapping[str, Any], now: datetime) -> Entry:
    """Correct what may be corrected; a key that is absent is left as it is."""
    require(actor, "reference.write")
    kind = kind_of(key)
    entry: Entry = _entry(session, key, entry_id)
    refuse_stale(entry, kind.editable, data.get("seen"))
    _check_parent(session, kind, data, local_day(now))
    before = values_of(entry, kind.editable)
    for field in kind.editable:
        if field in data:
            setattr(entry, field, _given(data, field))
    changed = audit.changes(before, values_of(entry, kind.editable))
    if changed[1]:
        audit.record(session, actor, "reference.edit", key, entry.id, now, before=changed[0], after=changed[1])
    session.flush()
    return entry


def _check_parent(session: Session, kind: Kind, data: Mapping[str, Any], on: date) -> None:
    parent_id = data.get(f"{kind.parent}_id")
    if parent_id is not None and parent_id not in dict(parents(session, kind.key, on)):
        raise Invalid({f"{kind.parent}_id": [text("Choose one of the list.")]})


def end(session: Session, actor: Actor, key: str, entry_id: int, to_on: date, now: datetime) -> Entry:
    """Let an entry end: `to_on` is the first day without it. Refused, with reasons, while something relies on it."""
    require(actor, "reference.write")
    entry: Entry = _entry(session, key, entry_id)
    lock_rows(session, KINDS[key], [entry.id])
    on = local_day(now)
    if entry.to_on is not None and entry.to_on <= on:
        refuse_if_any([Refusal(rules.HOUSE, text("This has ended already."))])
    uses = [*_uses(session, key, entry.id, to_on), *(u for use in USAGES for u in use(session, key, entry.id, to_on))]
    refuse_if_any(rules.why_not_end(rules.Span(entry.from_on, entry.to_on), to_on, uses, on))
    return _set_end(session, actor, key, entry, to_on, "reference.end", now)


def go_on(session: Session, actor: Actor, key: str, entry_id: int, now: datetime) -> Entry:
    """Take the end back: the entry is open again."""
    require(actor, "reference.write")
    entry: Entry = _entry(session, key, entry_id)
    if entry.to_on is None:
        refuse_if_any([Refusal(rules.HOUSE, text("This has no end."))])
    return _set_end(session, actor, key, entry, None, "reference.go_on", now)


def _set_end(
    session: Session, actor: Actor, key: str, entry: Entry, to_on: date | None, action: str, now: datetime
) -> Entry:
    before = {"to_on": plain(entry.to_on)}
    entry.to_on = to_on
    session.flush()
    audit.record(session, actor, action, key, entry.id, now, before=before, after={"to_on": plain(to_on)})
    return entry


def _uses(session: Session, key: str, entry_id: int, to_on: date) -> list[Text]:
    """What in the shared tables relies on an entry on that day or later."""
    return [sentence for condition, sentence in _looks(key, entry_id, to_on) if session.scalar(select(condition))]


def _looks(key: str, entry_id: int, to_on: date) -> list[tuple[Any, Text]]:
    def after(column: Any) -> Any:
        return column.is_(None) | (column > to_on)

    def tied(column: Any) -> tuple[Any, Text]:
        ties = exists().where(column == entry_id, after(OfficeTie.to_on))
        return ties, text("A resident office's ties name it beyond that day: end them first.")

    held = exists().where(RoleGrant.revoked_at.is_(None), after(RoleGrant.to_on))
    roles = text("Roles are held for it beyond that day: revoke or end them first.")
    match key:
        case "region":
            waiting = exists().where(ApprovalCase.region_id == entry_id, ApprovalCase.state.not_in(ENDED))
            return [
                (held.where(RoleGrant.region_id == entry_id), roles),
                (exists().where(Customer.region_id == entry_id), text("Customers belong to it.")),
                (waiting, text("Applications of it are not decided yet.")),
                tied(OfficeTie.region_id),
            ]
        case "department":
            members = exists().where(User.department_id == entry_id, User.disabled_at.is_(None))
            return [(members, text("Accounts belong to it."))]
        case "office":
            stores = exists().where(Warehouse.office_id == entry_id, after(Warehouse.to_on))
            return [
                (held.where(RoleGrant.office_id == entry_id), roles),
                (stores, text("Warehouses belong to it beyond that day.")),
                tied(OfficeTie.office_id),
            ]
        case "warehouse":
            return [(held.where(RoleGrant.warehouse_id == entry_id), roles)]
        case "product_line":
            products = exists().where(Product.product_line_id == entry_id, after(Product.to_on))
            classes = exists().where(CustomerLine.product_line_id == entry_id, after(CustomerLine.to_on))
            return [
                (products, text("Products belong to it beyond that day.")),
                (classes, text("Customers have a class for it beyond that day.")),
                tied(OfficeTie.product_line_id),
            ]
    return []
