"""The monthly run: proposed after the month, confirmed by the sales manager, months strictly in order (CHEM-9.5).

One run for the company and product line. Any sales manager confirms it, for the department; from the escalation on the
general manager may too. Until then the old levels serve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import func, insert, literal, select, union, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit, notices
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer
from tierflow.common.db import is_sqlite
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import Offtake
from tierflow.common.policies import policy_on
from tierflow.common.reference import ProductLine
from tierflow.common.standing import StandingRow, StandingRun
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow, moved
from tierflow.grading.rules.levels import level_policy
from tierflow.grading.service import closing, drifting, facts
from tierflow.kernel.errors import Conflict, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import text

SUBJECT = "grading_run"
CLAUSE = "CHEM-9.5"
AT_ONCE = 5_000  # customers a request decides by itself; beyond, the scheduler does and the page shows progress


def get(session: Session, run_id: int) -> GradingRun:
    """The run; else `NotFound`."""
    run = session.get(GradingRun, run_id)
    if run is None:
        raise NotFound
    return run


def scheme_line(session: Session, line_id: int) -> ProductLine:
    """A product line that has levels. Raises `NotFound`, `Refused` (CHEM-9.1)."""
    line = session.get(ProductLine, line_id)
    if line is None:
        raise NotFound
    if line.scheme != "polyolefin":
        raise Refused(Refusal("CHEM-9.1", text("This product line has no levels."), "product_line_id"))
    return line


def hold_line(session: Session, line_id: int) -> ProductLine:
    """`scheme_line`, kept to oneself until the transaction ends: of two who begin a run the other sees the first.

    Not against those who only name the line: liftings and orders go on meanwhile. SQLite has one writer anyhow.
    """
    session.execute(select(ProductLine.id).where(ProductLine.id == line_id).with_for_update(key_share=True))
    return scheme_line(session, line_id)


def newest(session: Session, line_id: int) -> GradingRun | None:
    """The monthly run of the latest month, whatever its state but withdrawn."""
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id, GradingRun.kind == "monthly", GradingRun.state != "withdrawn"
    )
    return session.scalars(query.order_by(GradingRun.month.desc()).limit(1)).first()


def waiting_adjustment(session: Session, line_id: int) -> GradingRun | None:
    """An adjustment nobody has confirmed yet, by its first run."""
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id, GradingRun.kind == "adjusting", GradingRun.state == "proposed"
    )
    return session.scalars(query.order_by(GradingRun.id).limit(1)).first()


def why_not(session: Session, line_id: int, month: Month, today: date) -> list[Refusal]:
    """Everything that keeps a month from being run today."""
    found = []
    if today < month.end:
        found.append(Refusal(CLAUSE, text("%(month)s is not over.", month=str(month)), "month"))
    last = newest(session, line_id)
    if last is not None:
        before = Month.of(last.month)
        if month <= before:
            words = text("%(month)s is closed already.", month=str(month))
            if last.state != "confirmed" and month == before:
                words = text("%(month)s is being closed; look at its run.", month=str(month))
            found.append(Refusal(CLAUSE, words, "month"))
        elif last.state != "confirmed":
            found.append(Refusal(CLAUSE, text("%(month)s comes first: confirm it.", month=str(before)), "month"))
        elif month != before.next():
            found.append(Refusal(CLAUSE, text("%(month)s comes first.", month=str(before.next())), "month"))
    if waiting_adjustment(session, line_id) is not None:
        found.append(Refusal(CLAUSE, text("An adjustment waits to be confirmed; settle it first."), "month"))
    return found


def start(session: Session, actor: Actor, line_id: int, month: Month, now: datetime) -> GradingRun:
    """Propose the levels a month earned. Small companies see them at once, large ones watch the progress.

    Raises `Refused`: the month is not over, not the next one, or its predecessor is not confirmed. `Conflict`: somebody
    else has begun this very moment.
    """
    require(actor, "grading.run")
    hold_line(session, line_id)
    refuse_if_any(why_not(session, line_id, month, local_day(now)))
    return _begin(session, actor, line_id, month, now)


def _begin(session: Session, actor: Actor, line_id: int, month: Month, now: datetime) -> GradingRun:
    policy = policy_on(session, month.last_day)
    before = newest(session, line_id)
    closes = policy_on(session, local_day(now)).time("office.closes_at")
    days = policy.integer("grading.confirm_working_days")
    row = {
        "product_line_id": line_id,
        "month": month.start,
        "kind": "monthly",
        "state": "computing",
        "policy_version": policy.version,
        "previous_run_id": before.id if before is not None else None,
        "total": facts.total(session, line_id, month),
        **dict.fromkeys(("done", "cursor", "chunks", "up", "down", "held", "changed"), 0),
        "facts_at": now,
        "due_at": working_calendar(session).due_at(month.last_day, days, closes),
        "started_by_id": actor.user_id or None,
        "started_at": now,
    }
    try:
        with session.begin_nested():
            run_id = session.scalars(insert(GradingRun).values(**row).returning(GradingRun.id)).one()
    except IntegrityError as error:
        words = text("%(month)s is being closed; look at its run.", month=str(month))
        raise Conflict(Refusal("conflict", words, "month")) from error
    run = session.get_one(GradingRun, run_id)
    audit.record(session, actor, "grading.start", SUBJECT, run.id, now, after={"month": str(month), "line": line_id})
    _gather(session, line_id, month, now)
    closing.lay_out(session, run.id, level_policy(policy))
    if run.total <= AT_ONCE:
        closing.compute_here(session, run)
    return run


Breaches = Callable[[Session, int, Month], Mapping[int, int]]
"""Upheld breaches by customer of a product line's month; complaints know them, `app.py` hands them over."""
BREACHES: list[Breaches] = []


def _gather(session: Session, line_id: int, month: Month, now: datetime) -> None:
    """Write what other domains know of the month beside what was keyed in (CHEM-9.6)."""
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    place = ("product_line_id", "month", "customer_id")
    for count in BREACHES:
        rows = [
            dict(zip(place, (line_id, month.start, customer_id), strict=True)) | {"breaches": number, "updated_at": now}
            for customer_id, number in sorted(count(session, line_id, month).items())
        ]
        if rows:
            statement = make(MonthFacts)
            told = {"breaches": statement.excluded.breaches, "updated_at": now}
            session.execute(statement.on_conflict_do_update(index_elements=place, set_=told), rows)


def again(session: Session, actor: Actor, run_id: int, now: datetime) -> GradingRun:
    """Put a proposed run aside and decide its month anew, from the facts as they are now."""
    require(actor, "grading.run")
    run = get(session, run_id)
    if run.kind != "monthly":
        raise Refused(Refusal(CLAUSE, text("An adjustment is confirmed or put aside, not run again.")))
    _put_aside(session, actor, run, now)
    line_id, month = run.product_line_id, Month.of(run.month)
    return _begin(session, actor, line_id, month, now)


def put_aside(session: Session, actor: Actor, run_id: int, now: datetime) -> GradingRun:
    """Drop a proposed adjustment whole; what it would have changed comes again when late facts are looked for."""
    require(actor, "grading.run")
    run = get(session, run_id)
    for each in batch(session, run):
        _put_aside(session, actor, each, now)
    return run


def _put_aside(session: Session, actor: Actor, run: GradingRun, now: datetime) -> None:
    _move(session, run, ("proposed", "computing"), "withdrawn")
    audit.record(session, actor, "grading.withdraw", SUBJECT, run.id, now, after={"month": str(Month.of(run.month))})


def _move(session: Session, run: GradingRun, states: Sequence[str], to: str, **values: Any) -> None:
    moved = session.execute(
        update(GradingRun)
        .where(GradingRun.id == run.id, GradingRun.state.in_(states))
        .values(state=to, **values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(run)
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict(Refusal("conflict", NOT_WAITING[run.state]))


NOT_WAITING = {
    "computing": text("This run is still being worked out."),
    "confirmed": text("This run is confirmed already."),
    "withdrawn": text("This run was put aside."),
    "proposed": text("Somebody else was faster; look at the run again."),
}


def batch(session: Session, run: GradingRun) -> list[GradingRun]:
    """The runs confirmed together with this one: an adjustment's months, or the run alone."""
    if run.batch_id is None:
        return [run]
    return list(
        session.scalars(select(GradingRun).where(GradingRun.batch_id == run.batch_id).order_by(GradingRun.month))
    )


def drifted(session: Session, run: GradingRun) -> int:
    """Customers whose facts were recorded or have changed since the run read them, and those who came or left since."""
    lifted = select(Offtake.customer_id).where(
        Offtake.recorded_at > run.facts_at, Offtake.product_line_id == run.product_line_id, Offtake.month == run.month
    )
    known = select(MonthFacts.customer_id).where(
        MonthFacts.product_line_id == run.product_line_id,
        MonthFacts.month == run.month,
        MonthFacts.updated_at > run.facts_at,
    )
    changed = union(lifted, known, *drifting.differing(session, run)).subquery()
    later = session.scalar(select(func.count()).select_from(changed)) or 0
    return later + abs(facts.total(session, run.product_line_id, Month.of(run.month)) - run.done)


def confirm(session: Session, actor: Actor, run_id: int, note: str | None, now: datetime) -> GradingRun:
    """Confirm what a run proposed: from now on it is what the month earned, in force from the 1st of the next.

    An adjustment's months are confirmed together, in force from today. Raises `Refused` when the facts have moved on,
    when it is not this person's yet, `Conflict` when somebody was faster.
    """
    require(actor, "grading.confirm")
    run = get(session, run_id)
    _refuse_unready(session, actor, run, now)
    for each in batch(session, run):
        _move(
            session, each, ("proposed",), "confirmed", confirmed_by_id=actor.user_id, confirmed_at=now, note=note or ""
        )
        audit.record(session, actor, "grading.confirm", SUBJECT, each.id, now, after=_sealed(session, each))
        session.add(StandingRun(run_id=each.id, recorded_at=now))
    if run.kind == "adjusting":
        _stand_adjusted(session, run, now)
    _tell_managers(session, run, now)
    return run


def _refuse_unready(session: Session, actor: Actor, run: GradingRun, now: datetime) -> None:
    if run.state != "proposed":
        raise Conflict(Refusal("conflict", NOT_WAITING[run.state]))
    found = []
    if Role.SALES_MANAGER not in actor.roles and run.escalated_at is None and now <= run.due_at:
        found.append(Refusal(CLAUSE, text("It waits for the sales manager until %(day)s.", day=_day(run.due_at))))
    if run.kind == "monthly" and (number := drifted(session, run)):
        words = text("The facts of %(number)s customers have changed since; run the month again.", number=number)
        found.append(Refusal(CLAUSE, words))
    refuse_if_any(found)


def _day(instant: datetime) -> str:
    return local_day(instant).isoformat()


def _sealed(session: Session, run: GradingRun) -> dict[str, Any]:
    """What the audit chain keeps of a run: its numbers and one hash over all its decisions."""
    hashes = session.scalars(
        select(GradingChunk.sha256).where(GradingChunk.run_id == run.id).order_by(GradingChunk.number)
    )
    return {
        "month": str(Month.of(run.month)),
        **{name: getattr(run, name) for name in ("done", "up", "down", "held", "changed", "policy_version")},
        "sha256": sha256("".join(hashes).encode()).hexdigest(),
    }


def _stand_adjusted(session: Session, run: GradingRun, now: datetime) -> None:
    """Only the last month's level serves; earlier ones are history, and history is not rewritten."""
    last = batch(session, run)[-1]
    from_on = max(local_day(now), Month.of(last.month).end)
    seen = LevelDecisionRow
    rows = select(
        seen.customer_id,
        literal(last.product_line_id),
        seen.level,
        literal("adjusted"),
        literal(from_on),
        literal(last.month),
        literal(last.id),
        literal(now, StandingRow.recorded_at.type),
    ).where(seen.run_id == last.id, seen.level.is_distinct_from(_stood(last, seen.customer_id)))
    names = ("customer_id", "product_line_id", "level", "basis", "from_on", "month", "run_id", "recorded_at")
    session.execute(insert(StandingRow.__table__).from_select(names, rows))  # type: ignore[arg-type]


def _stood(last: GradingRun, customer_id: Any) -> Any:
    """SQL: the level an adjusted month stood at before its adjustment."""
    earlier, made = aliased(LevelDecisionRow), aliased(GradingRun)
    return (
        select(earlier.level)
        .join(made, made.id == earlier.run_id)
        .where(
            earlier.customer_id == customer_id,
            made.product_line_id == last.product_line_id,
            made.month == last.month,
            made.state == "confirmed",
            made.id < last.id,
        )
        .order_by(made.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _tell_managers(session: Session, run: GradingRun, now: datetime) -> None:
    """One notice to each account manager whose customers' levels changed."""
    runs = [each.id for each in batch(session, run)]
    each = LevelDecisionRow.customer_id  # once in a run, in several of an adjustment's perhaps
    rows = session.execute(
        select(Customer.account_manager_id, func.count(each.distinct() if len(runs) > 1 else each))
        .join(LevelDecisionRow, LevelDecisionRow.customer_id == Customer.id)
        .where(LevelDecisionRow.run_id.in_(runs), moved(), LevelDecisionRow.level != LevelDecisionRow.held)
        .group_by(Customer.account_manager_id)
    )
    month = str(Month.of(run.month))
    messages = []
    for manager, number in rows:
        words = text(
            "Levels earned by %(month)s are in force; %(number)s of your customers changed.", month=month, number=number
        )
        messages.append(notices.Message([manager], "grading.levels", words, (SUBJECT, run.id), f"levels.{run.id}"))
    notices.notify_many(session, messages, now)


def recent(session: Session, actor: Actor, line_id: int | None = None) -> Any:
    """Runs that count, to be paged by month and id."""
    require(actor, "grading.read")
    query = select(GradingRun).where(GradingRun.state != "withdrawn")
    return query if line_id is None else query.where(GradingRun.product_line_id == line_id)


def months_to_close(session: Session, line_id: int, today: date) -> list[Month]:
    """The finished months nobody has run yet, oldest first; where nothing was ever run, last month alone."""
    last = newest(session, line_id)
    over = Month.of(today).previous()
    found: list[Month] = []
    month = over if last is None else Month.of(last.month).next()
    while month <= over:
        found.append(month)
        month = month.next()
    return found
