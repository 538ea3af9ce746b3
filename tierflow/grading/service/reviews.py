"""Reviews by quarter, half-year and year: opened after the period, frozen with its last month, confirmed (CHEM-16)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup, suspension
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import in_force
from tierflow.common.indicators import BASIS_POINTS, MonthFacts
from tierflow.common.offtake import OfftakeMonth
from tierflow.common.policies import policy_numbered, policy_on
from tierflow.common.reference import ProductLine, Region, lines_on
from tierflow.common.standing import level_column
from tierflow.common.users import User
from tierflow.grading.models import GradingRun, Review, ReviewScore
from tierflow.grading.rules.reviews import Seen, breaches_known, recommend, review_policy, score
from tierflow.grading.service import derived
from tierflow.grading.service.looking import whose
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import HalfYear, Month, Period, Quarter, Year, local_day
from tierflow.kernel.roles import SYSTEM, Actor, require
from tierflow.kernel.text import text

SUBJECT = "review"
CLAUSE = "CHEM-16"
KINDS: tuple[type[Period], ...] = (Quarter, HalfYear, Year)
REVIEWED = (Review.product_line_id, Review.kind)


def _word(kind: type[Period]) -> str:
    return kind.__name__.lower()


def open_due(session: Session, now: datetime) -> dict[str, int]:
    """Open what has ended and is not open yet, from the 1st working day on; score what is open, freeze what can be."""
    opened = sum(open_one(session, line, period, now) for line, period in _ended(session, local_day(now)))
    frozen = 0
    for review in session.scalars(select(Review).where(Review.state == "open").order_by(Review.id)).all():
        frozen += refresh(session, review, now)
    return {"opened": opened, "frozen": frozen}


def outstanding(session: Session, now: datetime) -> int:
    """How many reviews `open_due` would open then, and how many that are open it would score anew."""
    to_open = sum(_is_to_open(session, line.id, period) for line, period in _ended(session, local_day(now)))
    return to_open + (session.scalar(select(func.count()).where(Review.state == "open")) or 0)


def _ended(session: Session, today: date) -> list[tuple[ProductLine, Period]]:
    """By line and kind the period that ended last, from the 1st working day after it; after an outage those missed."""
    calendar = working_calendar(session)
    query = select(Review.product_line_id, Review.kind, func.max(Review.last_month)).group_by(*REVIEWED)
    newest = {(line_id, kind): last for line_id, kind, last in session.execute(query)}
    found: list[tuple[ProductLine, Period]] = []
    for line in lines_on(session, today):
        for kind in KINDS:
            period = kind.of(today).previous()
            last = newest.get((line.id, _word(kind)), period.previous().months[-1].start)
            if today < calendar.nth_working_day(period.last_day, 1).on:
                period = period.previous()
            while period.months[-1].start > last:
                found.append((line, period))
                period = period.previous()
    return sorted(found, key=lambda each: each[1].last_day)


def _is_to_open(session: Session, line_id: int, period: Period) -> bool:
    place = and_(Review.product_line_id == line_id, Review.period == str(period))
    return session.scalar(select(Review.id).where(place)) is None and _has_anything(session, line_id, period)


def open_one(session: Session, line: ProductLine, period: Period, now: datetime) -> bool:
    """Open a period's review of a line, once."""
    if not _is_to_open(session, line.id, period):
        return False
    review = Review(
        product_line_id=line.id,
        kind=_word(type(period)),
        period=str(period),
        first_month=period.months[0].start,
        last_month=period.months[-1].start,
        state="open",
        policy_version=policy_on(session, period.last_day).version,
        customers=0,
        confirmed=0,
        opened_at=now,
    )
    try:
        with session.begin_nested():
            session.add(review)
            session.flush()
    except IntegrityError:
        return False  # somebody else opened it
    audit.record(session, SYSTEM, "review.open", SUBJECT, review.id, now, after={"period": str(period)})
    return True


def _has_anything(session: Session, line_id: int, period: Period) -> bool:
    """Whether somebody held the line at the period's end, and no later month was the first ever closed."""
    held = in_force(CustomerLine.from_on, CustomerLine.to_on, period.last_day)
    holders = select(CustomerLine.id).where(CustomerLine.product_line_id == line_id, held)
    first = session.scalar(select(func.min(GradingRun.month)).where(GradingRun.product_line_id == line_id))
    return session.scalar(holders.limit(1)) is not None and (first is None or first <= period.last_day)


def refresh(session: Session, review: Review, now: datetime) -> bool:
    """Work the scores of an open review out anew; True when they are frozen by it."""
    rows = _scored(session, review)
    session.execute(delete(ReviewScore).where(ReviewScore.review_id == review.id))
    for at in range(0, len(rows), 5_000):
        session.execute(insert(ReviewScore), rows[at : at + 5_000])
    review.customers, review.scored_at = len(rows), now
    if not _may_freeze(session, review):
        return False
    review.state = "frozen" if rows else "closed"
    session.flush()
    return True


def _may_freeze(session: Session, review: Review) -> bool:
    """A line without levels has no month to wait for."""
    if session.get_one(ProductLine, review.product_line_id).scheme != "polyolefin":
        return True
    closed = select(GradingRun.id).where(
        GradingRun.product_line_id == review.product_line_id,
        GradingRun.month == review.last_month,
        GradingRun.kind == "monthly",
        GradingRun.state == "confirmed",
    )
    return session.scalar(closed.limit(1)) is not None


def _scored(session: Session, review: Review) -> list[dict[str, Any]]:
    policy = review_policy(policy_numbered(session, review.policy_version))
    has_levels = session.get_one(ProductLine, review.product_line_id).scheme == "polyolefin"
    span = span_of(session, review)
    found = session.execute(_question(review, span)).all()
    since = {row.id: max(review.first_month, row.approved_on) for row in found}
    stood_still = suspension.suspended_days(session, since, span.last)
    out = set(session.scalars(select(Customer.id).where(suspension.is_suspended(span.last))))
    rows = []
    for row in found:
        completion = None
        if row.planned:
            completion = min(BASIS_POINTS, int(row.planned_lifted or 0) * BASIS_POINTS // int(row.planned))
        seen = Seen(
            customer_class=row.customer_class,
            has_levels=has_levels,
            grams=int(row.grams or 0),
            completion=completion,
            evenness=None if row.evenness is None else int(row.evenness),
            payment_discipline=None if row.payment is None else int(row.payment),
            breaches=breaches_known(
                None if row.breaches is None else int(row.breaches),
                had_business=row.grams is not None or bool(row.due),
            ),
            cooperation=row.cooperation,
            suspended_days=stood_still[row.id],
            days=(span.last - since[row.id]).days + 1,
            is_suspended=row.id in out,
        )
        scored = score(seen, policy)
        rows.append(
            {
                "review_id": review.id,
                "customer_id": row.id,
                "customer_class": seen.customer_class,
                "level": row.level if has_levels else "",
                "grams": seen.grams,
                "previous_grams": int(row.previous_grams or 0),
                "planned_grams": None if row.planned is None else int(row.planned),
                **{name: getattr(seen, name) for name in ("completion", "evenness", "payment_discipline")},
                "breaches": seen.breaches,
                "cooperation": seen.cooperation,
                "orders_due": row.due,
                "orders_in_time": row.in_time,
                "papers_ok": not seen.is_suspended,
                "suspended_days": seen.suspended_days,
                "days": seen.days,
                "score": scored,
                "recommended": recommend(seen, scored, policy),
            }
        )
    numbers = {row.id: row.number for row in found}
    rows.sort(key=lambda each: (-1 if each["score"] is None else -each["score"] - 2, numbers[each["customer_id"]]))
    for rank, made in enumerate(rows, start=1):
        made["rank"] = rank
    return rows


def span_of(session: Session, review: Review) -> derived.Span:
    """The months of a review."""
    first, last = Month.of(review.first_month), Month.of(review.last_month)
    months = [first.plus(n) for n in range(first.until(last) + 1)]
    return derived.span(session, review.product_line_id, months)


def _question(review: Review, span: derived.Span) -> Any:
    """Everybody who holds the line at the period's end, with sums over its months; one question.

    Evenness is that of all its weeks, payment discipline that of all its orders; the mean of what was keyed in for its
    months stands where there is no data.
    """
    line_id, months = review.product_line_id, (review.first_month, review.last_month)
    first, last = Month.of(months[0]), Month.of(months[1])
    before = first.plus(-(first.until(last) + 1)), first.previous()
    facts, lifted = MonthFacts, OfftakeMonth
    in_line = and_(lifted.product_line_id == line_id, lifted.customer_id == facts.customer_id)
    known = (
        select(
            facts.customer_id,
            func.sum(facts.planned_grams).label("planned"),
            func.sum(lifted.grams).filter(facts.planned_grams.is_not(None)).label("planned_lifted"),
            (func.sum(facts.evenness) // func.count(facts.evenness)).label("evenness"),
            (func.sum(facts.payment_discipline) // func.count(facts.payment_discipline)).label("payment"),
            func.sum(facts.breaches).label("breaches"),
            func.max(facts.month).filter(facts.cooperation.is_not(None)).label("told"),
        )
        .outerjoin(lifted, and_(in_line, lifted.month == facts.month))
        .where(facts.product_line_id == line_id, facts.month.between(*months))
        .group_by(facts.customer_id)
        .subquery()
    )
    sums, earlier = (
        select(lifted.customer_id, func.sum(lifted.grams).label("grams"))
        # A month without grams is no lifting: it holds the days of a neighbour's week.
        .where(lifted.product_line_id == line_id, lifted.month.between(*between), lifted.grams != 0)
        .group_by(lifted.customer_id)
        .subquery()
        for between in (months, (before[0].start, before[1].start))
    )
    holds = [CustomerLine.customer_id == Customer.id, CustomerLine.product_line_id == line_id]
    holds.append(in_force(CustomerLine.from_on, CustomerLine.to_on, last.last_day))
    worked_out = (derived.evenness_of(span), derived.discipline_of(span))
    even, paid = (None if each is None else each.c for each in worked_out)
    latest = [facts.customer_id == Customer.id, facts.product_line_id == line_id, facts.month == known.c.told]
    query = (
        select(
            Customer.id,
            Customer.number,
            Customer.approved_on,
            CustomerLine.customer_class,
            level_column(Customer.id, line_id, last.last_day).label("level"),
            sums.c.grams,
            earlier.c.grams.label("previous_grams"),
            known.c.planned,
            known.c.planned_lifted,
            (known.c.evenness if even is None else func.coalesce(even.evenness, known.c.evenness)).label("evenness"),
            (known.c.payment if paid is None else func.coalesce(paid.payment_discipline, known.c.payment)).label(
                "payment"
            ),
            (null() if paid is None else paid.due).label("due"),
            (null() if paid is None else paid.in_time).label("in_time"),
            known.c.breaches,
            facts.cooperation,
        )
        .join(CustomerLine, and_(*holds))
        .outerjoin(sums, sums.c.customer_id == Customer.id)
        .outerjoin(earlier, earlier.c.customer_id == Customer.id)
        .outerjoin(known, known.c.customer_id == Customer.id)
        .outerjoin(facts, and_(*latest))
    )
    for each in worked_out:
        if each is not None:
            query = query.outerjoin(each, each.c.customer_id == Customer.id)
    return query


def get(session: Session, actor: Actor, review_id: int) -> Review:
    """One review; else `NotFound`."""
    require(actor, "review.read")
    review = session.get(Review, review_id)
    if review is None:
        raise NotFound
    return review


def listed(actor: Actor) -> Any:
    """Reviews with their product line, to be paged by period's end and id."""
    require(actor, "review.read")
    query: Any = select(Review, ProductLine).join(ProductLine, ProductLine.id == Review.product_line_id)
    return query


def scores(actor: Actor, review: Review, wanted: Mapping[str, Any]) -> Any:
    """A review's scores with customer, region and account manager, to be paged by rank."""
    require(actor, "review.read")
    query: Any = (
        select(ReviewScore, Customer, Region.name, User.name)
        .join(Customer, Customer.id == ReviewScore.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
        .where(ReviewScore.review_id == review.id, whose(actor))
    )
    if wanted.get("recommended"):
        query = query.where(ReviewScore.recommended == wanted["recommended"])
    if wanted.get("open"):
        query = query.where(ReviewScore.confirmed.is_(None))
    if wanted.get("region_id"):
        query = query.where(Customer.region_id == wanted["region_id"])
    if wanted.get("q"):
        found: Any = lookup.matching("customer", wanted["q"])
        query = query.where(Customer.id.in_(found))
    return query


def confirm(session: Session, actor: Actor, review_id: int, command: Mapping[str, Any], now: datetime) -> int:
    """Confirm recommendations: ids of scores (none: all that are open), perhaps another recommendation, a reason.

    Another recommendation, or several at once, needs a reason. It starts nothing by itself: whoever confirms takes the
    procedure it names. Raises `Refused`, `Invalid`. Returns how many were confirmed.
    """
    require(actor, "review.confirm")
    review = get(session, actor, review_id)
    if review.state != "frozen":
        words = text("Scores are not final before the period's last month is closed.")
        if review.state == "closed":
            words = text("This review is closed.")
        raise Refused(Refusal(CLAUSE, words))
    ids, other = command.get("ids") or [], command.get("recommendation")
    if not command.get("reason") and (other or len(ids) != 1):
        raise Invalid({"reason": [text("Several at once, or another recommendation: say why.")]})
    where = [ReviewScore.review_id == review.id, ReviewScore.confirmed.is_(None)]
    if ids:
        where.append(ReviewScore.id.in_(ids))
    done = session.execute(
        update(ReviewScore)
        .where(*where)
        .values(
            confirmed=other or ReviewScore.recommended,
            reason=command.get("reason") or "",
            confirmed_by_id=actor.user_id,
            confirmed_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    number = int(done.rowcount)  # type: ignore[attr-defined]
    if number == 0 or (ids and number != len(set(ids))):
        raise Conflict(Refusal("conflict", text("Some of these were confirmed meanwhile; look at the list again.")))
    review.confirmed += number
    after = {"confirmed": number, "recommendation": other, "reason": command.get("reason") or ""}
    audit.record(session, actor, "review.confirm", SUBJECT, review.id, now, after=after)
    if review.confirmed == review.customers:
        review.state, review.closed_by_id, review.closed_at = "closed", actor.user_id, now
        audit.record(session, actor, "review.close", SUBJECT, review.id, now)
    session.flush()
    return number
