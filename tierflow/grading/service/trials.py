"""Trying a draft on past months: the rule's cases over the very facts the closed months saw, set-based.

A draft's levels go on from its own, not from the real ones; both begin where the customer really stood. Done stretch by
stretch, each in a transaction of its own; closing the page stops nothing (CMTE-2.1).
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, and_, case, cast, func, insert, literal, null, select, union_all
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import is_sqlite, transaction
from tierflow.common.policies import PolicyVersion
from tierflow.common.reference import Region
from tierflow.grading.models import BackTest, BackTestMove, BackTestTally, GradingRun, LevelDecisionRow
from tierflow.grading.rules.levels import LADDER, LevelPolicy, level_policy
from tierflow.grading.service import beside, closing, drafts, facts, runs
from tierflow.grading.service.closing import PAUSE, STRETCH, STRETCH_POSTGRES
from tierflow.grading.service.looking import whose
from tierflow.kernel.approval import digest
from tierflow.kernel.errors import NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

AT_ONCE = 30_000  # customer-months a request tries by itself
MOST_MONTHS = 36


def start(session: Session, actor: Actor, version: int, command: Mapping[str, Any], now: datetime) -> BackTest:
    """Try a draft on closed months: product_line_id, first, last. Raises `Refused` when a month is not closed."""
    require(actor, "draft.try")
    row = drafts.get(session, actor, version)
    line = runs.scheme_line(session, command["product_line_id"])
    first, last = command["first"], command["last"]
    closed = _runs(session, line.id, first, last)
    found = []
    if last < first:
        found.append(Refusal("house", text("The first month comes after the last."), "last"))
    elif first.until(last) >= MOST_MONTHS:
        found.append(Refusal("house", text("At most %(most)s months at once.", most=MOST_MONTHS), "first"))
    elif len(closed) < first.until(last) + 1:
        words = text("Some of these months are not closed; only closed months can be tried.")
        found.append(Refusal("CMTE-2.1", words, "first"))
    refuse_if_any(found)
    held = select(CustomerLine.customer_id).where(CustomerLine.product_line_id == line.id).distinct()
    test = BackTest(
        policy_version_id=row.id,
        values_hash=digest(row.values),
        values=row.values,
        product_line_id=line.id,
        first_month=first.start,
        last_month=last.start,
        state="computing",
        total=session.scalar(select(func.count()).select_from(held.subquery())) or 0,
        done=0,
        cursor=0,
        started_by_id=actor.user_id or None,
        started_at=now,
    )
    session.add(test)
    session.flush()
    after = {"version": version, "first": str(first), "last": str(last)}
    audit.record(session, actor, "backtest.start", "backtest", test.id, now, after=after)
    if test.total * len(closed) <= AT_ONCE:
        while test.state == "computing":
            _stretch(session, test, closed, STRETCH)
    return test


def _runs(session: Session, line_id: int, first: Month, last: Month) -> list[GradingRun]:
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id,
        GradingRun.kind == "monthly",
        GradingRun.state == "confirmed",
        GradingRun.month.between(first.start, last.start),
    )
    return list(session.scalars(query.order_by(GradingRun.month)))


def compute(session: Session, test_id: int, *, size: int | None = None) -> None:
    """Go on with a trial to its end, a transaction for each stretch, with pauses."""
    size = size or (STRETCH if is_sqlite(session) else STRETCH_POSTGRES)
    while True:
        begun = time.monotonic()
        with transaction(session):
            test = session.get_one(BackTest, test_id)
            if test.state != "computing":
                return
            months = Month.of(test.first_month), Month.of(test.last_month)
            _stretch(session, test, _runs(session, test.product_line_id, *months), size)
        if is_sqlite(session):
            closing.rest(PAUSE, begun)


def computing(session: Session) -> list[int]:
    """Trials that are still under way."""
    return list(session.scalars(select(BackTest.id).where(BackTest.state == "computing").order_by(BackTest.id)))


def _stretch(session: Session, test: BackTest, closed: list[GradingRun], size: int) -> None:
    ids = session.scalars(
        select(CustomerLine.customer_id)
        .where(CustomerLine.product_line_id == test.product_line_id, CustomerLine.customer_id > test.cursor)
        .distinct()
        .order_by(CustomerLine.customer_id)
        .limit(size)
    ).all()
    if ids:
        _try(session, test, closed, ids[0], ids[-1])
        test.cursor = ids[-1]
        test.done += len(ids)
    if len(ids) < size:
        test.state = "done"
    session.flush()


def _try(session: Session, test: BackTest, closed: list[GradingRun], first_id: int, last_id: int) -> None:
    """Month after month, by the draft's cases; what was tried of a customer so far lies beside."""
    policy = level_policy(drafts.as_draft(session.get_one(PolicyVersion, test.policy_version_id), test.values))
    lite, tried = is_sqlite(session), beside.TRIED
    beside.empty(session, tried if lite else beside.EVERY_MONTH, beside.CASES)
    found = [{"key": key, "rank": out.level.rank} for key, out in closing.cases(policy).items()]
    session.execute(insert(beside.CASES), found)
    if not lite:
        # It cannot guess how many facts make a case, and would try every case for everybody.
        session.execute(sql("SET LOCAL enable_nestloop = off"))
    for n, run in enumerate(closed):
        runs_ = [run.id, *facts.adjusting(session, run.product_line_id, Month.of(run.month))]
        before = tried.alias() if lite else select(tried).where(tried.c.n == n - 1).subquery()
        query = _month(runs_, n, policy, before).where(LevelDecisionRow.customer_id.between(first_id, last_id))
        if lite:
            session.execute(beside.put(tried, query))
        else:
            session.execute(
                insert(tried).from_select(list(tried.c.keys()), union_all(query, _absent(run.id, n, first_id, last_id)))
            )
        _keep(session, test.id, run.month, n)


def _absent(run_id: int, n: int, first_id: int, last_id: int) -> Select[Any]:
    """Whom a month's run did not decide on: the draft's level of the month before is carried on."""
    tried, row = beside.TRIED.c, LevelDecisionRow
    decided = row.run_id == run_id, row.customer_id.between(first_id, last_id)
    there = select(row.run_id).where(*decided, row.customer_id == tried.customer_id).exists()
    nothing = literal(0), cast(null(), Integer)
    carried = select(tried.customer_id, literal(n), tried.region_id, *nothing, tried.rank)
    return carried.where(tried.n == n - 1, ~there)


def _month(run_ids: Sequence[int], n: int, policy: LevelPolicy, before: Any) -> Select[Any]:
    """Whom a month's run decided on: the month's number, region, grams, the level come to, and the draft's.

    By the facts as adjustments know them. Idle months are those the decision saw: they follow from what was lifted,
    whatever the policy.
    """
    row, cases = LevelDecisionRow, beside.CASES
    seen = row.__table__.alias() if len(run_ids) > 1 else row.__table__
    region = select(Customer.region_id).where(Customer.id == row.customer_id).scalar_subquery()
    held = func.coalesce(before.c.rank, _rank(seen.c.held))
    query = (
        select(
            row.customer_id,
            literal(n),
            func.coalesce(before.c.region_id, region),
            seen.c.grams,
            _rank(seen.c.level),
            cases.c.rank,
        )
        .select_from(row)
        .outerjoin(before, before.c.customer_id == row.customer_id)
        .where(row.run_id == run_ids[0])
    )
    if len(run_ids) > 1:
        last = facts.newest(row.customer_id, run_ids)
        query = query.join(seen, and_(seen.c.customer_id == row.customer_id, seen.c.run_id == last))
    return query.join(cases, cases.c.key == closing.key_of(seen.c, held, policy))


def _rank(level: Any) -> Any:
    return case({each.value: each.rank for each in LADDER}, value=level)


def _keep(session: Session, test_id: int, month: date, n: int) -> None:
    """Store what the month that was tried last says: sums by region, and every customer that stood elsewhere."""
    tried = beside.TRIED.c
    real, draft = (case({each.rank: each.value for each in LADDER}, value=rank) for rank in (tried.real, tried.rank))
    shared = literal(test_id), literal(month, BackTestMove.month.type)
    sums = (
        select(*shared, tried.region_id, real, draft, func.count(), cast(func.sum(tried.grams), BigInteger))
        .where(tried.n == n, tried.real.is_not(None))
        .group_by(tried.region_id, tried.real, tried.rank)
        .order_by(tried.region_id, tried.real, tried.rank)
    )
    names = ("backtest_id", "month", "region_id", "real_level", "draft_level", "customers", "grams")
    tally: Any = BackTestTally.__table__
    session.execute(insert(tally).from_select(names, sums))
    elsewhere = select(*shared, tried.customer_id, tried.grams, real, draft).where(
        tried.n == n, tried.real != tried.rank
    )
    moved = ("backtest_id", "month", "customer_id", "grams", "real_level", "draft_level")
    move: Any = BackTestMove.__table__
    session.execute(insert(move).from_select(moved, elsewhere))


def of(session: Session, version_id: int) -> list[BackTest]:
    """A draft's trials, newest first."""
    query = select(BackTest).where(BackTest.policy_version_id == version_id)
    return list(session.scalars(query.order_by(BackTest.id.desc()).limit(10)))


def get(session: Session, actor: Actor, test_id: int) -> BackTest:
    """One trial; else `NotFound`."""
    require(actor, "draft.read")
    test = session.get(BackTest, test_id)
    if test is None:
        raise NotFound
    return test


def summary(session: Session, test: BackTest) -> dict[str, Any]:
    """By month and by region: customers and grams that would have stood higher or lower; levels at the last month."""
    tally = BackTestTally
    rows = session.execute(
        select(
            tally.month,
            Region.name,
            tally.real_level,
            tally.draft_level,
            func.sum(tally.customers),
            func.sum(tally.grams),
        )
        .join(Region, Region.id == tally.region_id)
        .where(tally.backtest_id == test.id)
        .group_by(tally.month, Region.name, tally.real_level, tally.draft_level)
        .order_by(tally.month, Region.name)
    )
    ranks = {level.value: level.rank for level in LADDER}
    months: dict[str, Counter[str]] = defaultdict(Counter)
    regions: dict[str, Counter[str]] = defaultdict(Counter)
    real: Counter[str] = Counter()
    draft: Counter[str] = Counter()
    for month, region, was, would, number, grams in rows:
        way = "higher" if ranks[would] > ranks[was] else "lower" if ranks[would] < ranks[was] else "same"
        for count in (months[str(Month.of(month))], regions[region]):
            count[way] += int(number)
            count[f"{way}_grams"] += int(grams)
        if month == test.last_month:
            real[was] += int(number)
            draft[would] += int(number)
    levels = [(level.value, real[level.value], draft[level.value]) for level in LADDER]
    return {"months": dict(months), "regions": dict(regions), "levels": levels}


def moves(actor: Actor, test: BackTest, wanted: Mapping[str, Any]) -> Any:
    """Customers' months that would have ended at another level, to be paged by month and customer."""
    require(actor, "draft.read")
    move = BackTestMove
    query: Any = (
        select(move, Customer, Region.name)
        .join(Customer, Customer.id == move.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .where(move.backtest_id == test.id, whose(actor))
    )
    if wanted.get("month"):
        query = query.where(move.month == wanted["month"].start)
    if wanted.get("region_id"):
        query = query.where(Customer.region_id == wanted["region_id"])
    if wanted.get("way"):
        ranks = {level.value: level.rank for level in LADDER}
        real, draft = case(ranks, value=move.real_level), case(ranks, value=move.draft_level)
        query = query.where(draft > real if wanted["way"] == "higher" else draft < real)
    return query


def stale(test: BackTest, row: PolicyVersion) -> bool:
    """Whether the draft was edited since it was tried."""
    return test.values_hash != digest(row.values)
