"""Whether business with a customer stands still: suspended (CHEM-15) or disqualified (CHEM-17).

Suspended is derived from the days that papers cover, at the moment of use, in one statement for any number of
customers: no job, and no flag that a dead scheduler would leave wrong. Written by onboarding alone; whoever takes
orders, plans or allocations asks here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    and_,
    exists,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from tierflow.common.customers import Customer
from tierflow.common.db import Model, insert_rows, pk
from tierflow.common.guards import row_guard
from tierflow.kernel import qualification
from tierflow.kernel.errors import Refusal
from tierflow.kernel.qualification import DATED, JOINT, MERGED, OLD_PAPERS, SEPARATE, Cover, label
from tierflow.kernel.text import Text, text

_LIVE = "superseded_at IS NULL"
_AWAITED = f"{_LIVE} AND disqualified_on IS NULL"
_MOST = 5_000  # ids in one question


class PaperCover(Model):
    """The days that an examined paper or an accepted proof of renewal is good for.

    `counts_from` is never before the day it was accepted; `valid_to` is inclusive, NULL means for good. A later one of
    its kind supersedes it: it covers its days still, and is not waited for any more.

    Whose the customer is stands here again, so that what ends soonest in a region is the beginning of an index however
    many customers there are. The database copies it, see `PLACES`; nobody else writes it.
    """

    __tablename__ = "paper_cover"
    __table_args__ = (
        CheckConstraint(f"kind IN ({', '.join(repr(kind) for kind in DATED)})", name="kind"),
        CheckConstraint("source IN ('paper', 'proof')", name="source"),
        CheckConstraint("source = 'paper' OR valid_to IS NOT NULL", name="proof_ends"),
        CheckConstraint("valid_to IS NULL OR valid_to >= counts_from", name="period"),
        UniqueConstraint("source", "source_id"),
        Index("ix_paper_cover_customer_id", "customer_id", "kind", "valid_to"),
        Index("ix_paper_cover_end", "valid_to", "id", sqlite_where=sql(_LIVE), postgresql_where=sql(_LIVE)),
        *(
            Index(
                f"ix_paper_cover_{name}",
                *columns,
                *("valid_to", "id", "kind", "superseded_at", "disqualified_on"),  # whole: counted without the rows
                sqlite_where=sql(_AWAITED),
                postgresql_where=sql(_AWAITED),
            )
            for name, columns in (
                ("awaited", ()),
                ("region", ("region_id",)),
                ("manager", ("account_manager_id",)),
            )
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str]
    source: Mapped[str]
    source_id: Mapped[int]
    counts_from: Mapped[date]
    valid_to: Mapped[date | None]
    accepted_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    region_id: Mapped[int | None]
    account_manager_id: Mapped[int | None]
    disqualified_on: Mapped[date | None]


WARNED_TOPIC = "paper_cover"  # of `runs.Warned`: what a warning that a cover ends is kept under, by its id
EXPIRY_NOTICE = "paper.expiry"  # what the notices of it are called

# The copies follow the customer in the same statement, whoever writes it. On PostgreSQL the row is locked meanwhile: a
# customer that moves to another region just now is waited for.
PLACES = (
    row_guard(
        "paper_cover",
        "cover_place",
        sqlite=[
            """
CREATE TRIGGER guard_cover_place AFTER INSERT ON paper_cover
BEGIN UPDATE paper_cover SET (region_id, account_manager_id, disqualified_on) =
  (SELECT region_id, account_manager_id, disqualified_on FROM customer WHERE id = NEW.customer_id)
  WHERE id = NEW.id; END""",
        ],
        postgres="""
BEGIN
  SELECT region_id, account_manager_id, disqualified_on
    INTO NEW.region_id, NEW.account_manager_id, NEW.disqualified_on
    FROM customer WHERE id = NEW.customer_id FOR SHARE;
  RETURN NEW;
END """,
    ),
    row_guard(
        "customer",
        "cover_follows",
        sqlite=[
            """
CREATE TRIGGER guard_cover_follows AFTER UPDATE OF region_id, account_manager_id, disqualified_on ON customer
BEGIN UPDATE paper_cover SET region_id = NEW.region_id, account_manager_id = NEW.account_manager_id,
  disqualified_on = NEW.disqualified_on WHERE customer_id = NEW.id; END""",
        ],
        on="AFTER UPDATE OF region_id, account_manager_id, disqualified_on",
        postgres="""
BEGIN
  UPDATE paper_cover SET region_id = NEW.region_id, account_manager_id = NEW.account_manager_id,
    disqualified_on = NEW.disqualified_on WHERE customer_id = NEW.id;
  RETURN NULL;
END """,
    ),
)


@dataclass(frozen=True)
class Suspension:
    """Business with a customer is suspended. `papers`: the kinds whose renewal ends it. `since`: None when a whole set
    never was on file."""

    customer_id: int
    papers: tuple[str, ...]
    since: date | None

    @property
    def reason(self) -> Text:
        """Why, as a sentence."""
        names = self.papers[0] if len(self.papers) == 1 else None
        if names is None:
            return text("Business is suspended until valid papers are on file (%(count)s).", count=len(self.papers))
        return text("Business is suspended until a valid %(paper)s is on file.", paper=label(names))


def _holds(customer_id: Any, kind: str, on: Any) -> Any:
    row = aliased(PaperCover)
    return exists().where(
        row.customer_id == customer_id,
        row.kind == literal_column(f"'{kind}'"),  # one of ours: of a kind sent beside it a plan kept knows nothing
        row.counts_from <= on,
        or_(row.valid_to.is_(None), row.valid_to >= on),
    )


def is_suspended(on: Any, customer_id: Any = None) -> Any:
    """SQL condition: business with the customer of that column (`Customer.id` when not said) is suspended on a day."""
    if customer_id is None and isinstance(on, date):
        return _is_suspended_on(on)
    return _condition(on, Customer.id if customer_id is None else customer_id)


@lru_cache(maxsize=32)  # writing it down costs more than asking it, and every page of a day asks it
def _is_suspended_on(on: date) -> Any:
    return _condition(on, Customer.id)


def _condition(on: Any, customer_id: Any) -> Any:
    def held(kind: str) -> Any:
        return _holds(customer_id, kind, on)

    taxes = or_(held(JOINT), and_(*(held(kind) for kind in SEPARATE)))
    # Written as an AND, which knows it is a boolean: NOT (... OR ...) has no type and is read as 0 or 1 on SQLite.
    return and_(not_(held(MERGED)), not_(and_(*(held(kind) for kind in OLD_PAPERS), taxes)))


def uncovered(customer: str, day: str) -> str:
    """The same in plain SQL, for guards in the database: expressions of a customer's id and of a day.

    What they guard is refused by the services first; this is for whoever comes by another door.
    """

    def held(kind: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM paper_cover p WHERE p.customer_id = {customer} AND p.kind = '{kind}' "  # noqa: S608
            f"AND p.counts_from <= {day} AND (p.valid_to IS NULL OR p.valid_to >= {day}))"
        )

    old, taxes = (" AND ".join(held(kind) for kind in kinds) for kinds in (OLD_PAPERS, SEPARATE))
    return f"NOT ({held(MERGED)} OR ({old} AND ({held(JOINT)} OR ({taxes}))))"


def stands_still(customer: str, day: str) -> str:
    """Likewise, disqualification with it."""
    out = f"EXISTS (SELECT 1 FROM customer c WHERE c.id = {customer} AND c.disqualified_on <= {day})"  # noqa: S608
    return f"({out} OR {uncovered(customer, day)})"


def covers_of(session: Session, customer_ids: Collection[int]) -> dict[int, list[Cover]]:
    """All that covers these customers' papers, by customer. One query."""
    found: dict[int, list[Cover]] = {customer_id: [] for customer_id in customer_ids}
    columns = (PaperCover.customer_id, PaperCover.kind, PaperCover.counts_from, PaperCover.valid_to)
    for customer_id, kind, first, last in session.execute(select(*columns).where(PaperCover.customer_id.in_(found))):
        found[customer_id].append(Cover(kind, first, last))
    return found


def suspended(session: Session, customer_ids: Iterable[int], on: date) -> dict[int, Suspension]:
    """Those of the customers with whom business is suspended on a day, and why. Two queries, however many."""
    ids = set(customer_ids)
    stopped = set(session.scalars(select(Customer.id).where(Customer.id.in_(ids), is_suspended(on)))) if ids else set()
    return {
        customer_id: Suspension(
            customer_id, qualification.uncovered(covers, on), qualification.suspended_since(covers, on)
        )
        for customer_id, covers in (covers_of(session, stopped).items() if stopped else ())
    }


def suspended_days(session: Session, since: Mapping[int, date], last: date) -> dict[int, int]:
    """On how many days up to `last` business stood still, for each customer from its own day on.

    One query for each few thousand customers.
    """
    found: dict[int, int] = {}
    ids = sorted(since)
    for at in range(0, len(ids), _MOST):
        for customer_id, covers in covers_of(session, ids[at : at + _MOST]).items():
            found[customer_id] = qualification.suspended_days(covers, since[customer_id], last)
    return found


def is_disqualified(on: date) -> Any:
    """SQL condition on `Customer`: its status was withdrawn by that day."""
    return Customer.disqualified_on.is_not(None) & (Customer.disqualified_on <= on)


def disqualified(session: Session, customer_ids: Iterable[int], on: date) -> dict[int, date]:
    """Those of the customers whose status was withdrawn by a day, and since when."""
    query = select(Customer.id, Customer.disqualified_on).where(Customer.id.in_(set(customer_ids)), is_disqualified(on))
    return {customer_id: since for customer_id, since in session.execute(query) if since is not None}


def refusals(session: Session, customer_id: int, on: date) -> tuple[Refusal, ...]:
    """Why no new business is taken from a customer on a day; empty when it is."""
    found = []
    if since := disqualified(session, [customer_id], on).get(customer_id):
        reason = text("This customer was disqualified on %(day)s.", day=since.isoformat())
        found.append(Refusal("CHEM-17", reason, "customer"))
    if suspension := suspended(session, [customer_id], on).get(customer_id):
        found.append(Refusal("CHEM-15", suspension.reason, "customer"))
    return tuple(found)


def accept(
    session: Session,
    customer_id: int,
    kind: str,
    source: tuple[str, int],
    days: tuple[date | None, date | None],
    on: date,
    now: datetime,
) -> PaperCover | None:
    """An examined paper, or proof of renewal, counts from now on; the one before it is not waited for any more.

    `source`: ("paper", its id) or ("proof", its id). `days`: first (None: today) and last valid day (None: for good).
    None for a paper that bears no days.
    """
    if kind in qualification.UNDATED:
        return None
    last = days[1]
    row = PaperCover(**_cover(customer_id, kind, source, days, on, now))
    older: Any = PaperCover.valid_to.is_not(None)
    if last is not None:
        older &= PaperCover.valid_to <= last
    # The merged licence takes the place of all the old papers (CHEM-7.1).
    kinds = DATED if kind == MERGED and source[0] == "paper" else (kind,)
    session.execute(
        update(PaperCover)
        .where(
            PaperCover.customer_id == customer_id,
            PaperCover.kind.in_(kinds),
            PaperCover.superseded_at.is_(None),
            older | (PaperCover.kind != kind),
        )
        .values(superseded_at=now),
        execution_options={"synchronize_session": False},
    )
    session.add(row)
    session.flush()
    return row


def verify(session: Session) -> Iterator[str]:
    """Covers filed under another region or manager than their customer's."""
    copied = (PaperCover.region_id, PaperCover.account_manager_id, PaperCover.disqualified_on)
    whose = (Customer.region_id, Customer.account_manager_id, Customer.disqualified_on)
    differ = or_(*(copy.is_distinct_from(own) for copy, own in zip(copied, whose, strict=True)))
    query = select(PaperCover.id).join(Customer, Customer.id == PaperCover.customer_id).where(differ)
    for cover_id in session.scalars(query.order_by(PaperCover.id)):
        yield f"paper cover {cover_id}: filed under another region or manager than its customer's"


def accept_first(
    session: Session,
    customer_id: int,
    papers: Iterable[tuple[int, str, date | None, date | None]],
    on: date,
    now: datetime,
) -> None:
    """`accept` the examined papers (id, kind, first and last valid day) of a customer that had none before."""
    rows = [
        _cover(customer_id, kind, ("paper", paper_id), (first, last), on, now)
        for paper_id, kind, first, last in papers
        if kind not in qualification.UNDATED
    ]
    if any(row["kind"] == MERGED for row in rows):  # it takes the place of all the old ones handed in with it
        for row in rows:
            row["superseded_at"] = None if row["kind"] == MERGED else now
    insert_rows(session, PaperCover, rows)


def _cover(
    customer_id: int,
    kind: str,
    source: tuple[str, int],
    days: tuple[date | None, date | None],
    on: date,
    now: datetime,
) -> dict[str, Any]:
    first, last = days
    is_over = last is not None and last < on  # on file before tierflow, and run out there
    return {
        "customer_id": customer_id,
        "kind": kind,
        "source": source[0],
        "source_id": source[1],
        "counts_from": (first or last or on) if is_over else max(first or on, on),
        "valid_to": last,
        "accepted_at": now,
    }
