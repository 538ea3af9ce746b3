"""The one inbox: everything that waits for me, most urgent first, whatever part of the product it comes from.

A source depends on the actor alone. It gives SELECTs with the columns (kind, id, title, since, due, region); `app.py`
registers one per kind of waiting. Each is one ordered index walk, so that the page stays flat as work piles up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import (
    BigInteger,
    Select,
    String,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.db import one_of
from tierflow.common.reference import Region
from tierflow.kernel.errors import Invalid
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark, text
from tierflow.web.links import link
from tierflow.web.paging import UNREADABLE, most, once, read_stamp

Source = Callable[[Actor], Iterable[Select[Any]]]

CAP = 100


@dataclass(frozen=True)
class Kind:
    """A kind of waiting work: its word, its icon, and the page it opens (endpoint and its argument)."""

    label: str
    icon: str
    endpoint: str
    argument: str


@dataclass(frozen=True)
class Item:
    """One line of the inbox. `subject_id` is what the kind's page takes."""

    kind: str
    subject_id: int
    title: str
    since: datetime
    due: datetime
    region: str | None = None

    @property
    def has_deadline(self) -> bool:
        """Whether its due time says more than when it arrived, which only keeps its place in the queue."""
        return self.due != self.since

    @property
    def url(self) -> str:
        """Where a click leads."""
        kind = kinds()[self.kind]
        values: dict[str, Any] = {kind.argument: self.subject_id}
        return link(kind.endpoint, **values)


def kinds() -> dict[str, Kind]:
    """The registered kinds of waiting work."""
    found: dict[str, Kind] = current_app.extensions["inbox_kinds"]
    return found


def row(kind: Any, subject_id: Any, title: Any, since: Any, due: Any, region_id: Any = None) -> Select[Any]:
    """The SELECT of a source, to be narrowed by its conditions. What has no deadline is due when it arrived."""
    return select(
        (literal(kind) if isinstance(kind, str) else kind).label("kind"),
        subject_id.label("subject_id"),
        title.label("title"),
        since.label("since"),
        due.label("due"),
        (cast(null(), BigInteger) if region_id is None else region_id).label("region_id"),
    )


def approval_source(actor: Actor) -> Iterable[Select[Any]]:
    """Cases that wait for the actor's decision; the kind is the subject's."""
    base = row(
        ApprovalCase.subject_type,
        ApprovalCase.subject_id,
        ApprovalCase.title,
        ApprovalCase.waiting_since,
        ApprovalCase.due_at,
        ApprovalCase.region_id,
    )
    yield from (base.where(condition) for condition in approvals.waiting_conditions(actor))
    returned = row(
        ApprovalCase.subject_type + ".returned",
        ApprovalCase.subject_id,
        ApprovalCase.title,
        ApprovalCase.waiting_since,
        ApprovalCase.due_at,
        ApprovalCase.region_id,
    )
    yield returned.where(approvals.returned_condition(actor))


def opinion_source(actor: Actor) -> Iterable[Select[Any]]:
    """Opinions asked of the actor and copies not read yet."""
    mine = approvals.asked_of(actor)
    yield (
        row(
            "opinion",
            AskedOpinion.id,
            ApprovalCase.title,
            AskedOpinion.asked_at,
            AskedOpinion.asked_at,
            ApprovalCase.region_id,
        )
        .join(ApprovalCase, ApprovalCase.id == AskedOpinion.case_id)
        .where(one_of(AskedOpinion.asked_id, mine), AskedOpinion.answered_at.is_(None))
    )


Place = tuple[datetime, int, str]  # due, subject_id, kind: the key of an item


def place_of(item: Item) -> str:
    """An item's place in the queue, for the address of what comes after it."""
    key = [item.due.isoformat(), item.subject_id, item.kind]
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def read_place(value: str | None, field: str) -> Place | None:
    """The place an address names; raises `Invalid` at `field` for one that no link of ours says."""
    if not value:
        return None
    try:
        stamp, subject_id, kind = json.loads(base64.urlsafe_b64decode(value))
        if not (isinstance(subject_id, int) and abs(subject_id) < 2**62 and kind in kinds()):
            raise ValueError(value)
        return read_stamp(stamp), subject_id, kind
    except UNREADABLE as error:
        raise Invalid({field: [text("This page address is not valid; begin at the first page.")]}) from error


def items(session: Session, actor: Actor, *, after: Place | None = None, size: int = 30) -> list[Item]:
    """The most urgent items after a place, `size + 1` of them at most (one more tells that there are more)."""
    sources: Sequence[Source] = current_app.extensions["inbox_sources"]
    query = _page(tuple(sources), actor, after is not None, size + 1)
    if query is None:
        return []
    given = {"after_due": after[0], "after_id": after[1], "after_kind": after[2]} if after is not None else {}
    rows = session.execute(query, given)
    return [_item(row) for row in rows]


def beginning(session: Session, actor: Actor, *, size: int = 30) -> tuple[list[Item], int]:
    """The most urgent items as `items` gives them, and how many wait as `count` does. One query for both."""
    sources: Sequence[Source] = current_app.extensions["inbox_sources"]
    query = _page(tuple(sources), actor, False, CAP + 1)
    rows = [] if query is None else session.execute(query).all()
    return [_item(row) for row in rows[: size + 1]], len(rows)


def _item(row: Any) -> Item:
    return Item(row.kind, row.subject_id, row.title, row.since, row.due, row.region)


def count(session: Session, actor: Actor) -> int:
    """How many wait, counted no further than `CAP` + 1."""
    sources: Sequence[Source] = current_app.extensions["inbox_sources"]
    query = _number(tuple(sources), actor)
    return 0 if query is None else session.scalar(query) or 0


@once
def _page(sources: tuple[Source, ...], actor: Actor, later: bool, size: int) -> Select[Any] | None:
    parts = []
    for query in _selects(sources, actor):
        columns = query.selected_columns
        place: Any = true()
        if later:
            due, subject_id, kind = (columns[name] for name in ("due", "subject_id", "kind"))
            after_due, after_id = bindparam("after_due", type_=due.type), bindparam("after_id", type_=subject_id.type)
            after_kind = bindparam("after_kind", type_=String())
            same = (due == after_due) & ((subject_id > after_id) | ((subject_id == after_id) & (kind > after_kind)))
            place = (due >= after_due) & ((due > after_due) | same)
        ordered = query.where(place).order_by(columns["due"], columns["subject_id"]).limit(most(size))
        parts.append(select(ordered.subquery()))
    if not parts:
        return None
    merged = union_all(*parts).subquery()
    return (
        select(merged, Region.name.label("region"))
        .outerjoin(Region, Region.id == merged.c.region_id)
        .order_by(merged.c.due, merged.c.subject_id, merged.c.kind)
        .limit(most(size))
    )


@once
def _number(sources: tuple[Source, ...], actor: Actor) -> Select[Any] | None:
    parts = []
    for query in _selects(sources, actor):
        columns = query.selected_columns
        # In the order of the index: asked for any hundred of them, a planner may walk the whole table instead.
        ordered = query.order_by(columns["due"], columns["subject_id"]).limit(most(CAP + 1))
        parts.append(
            select(ordered.with_only_columns(literal_column("1").label("one"), maintain_column_froms=True).subquery())
        )
    enough = union_all(*parts).limit(most(CAP + 1))  # the kinds behind are not looked at once there are as many
    return select(func.count()).select_from(enough.subquery()) if parts else None


def _selects(sources: tuple[Source, ...], actor: Actor) -> list[Select[Any]]:
    return [query for source in sources for query in source(actor)]


OPINION = Kind(mark("Your opinion is asked"), "chat-left-text", "home.opinion", "opinion_id")
