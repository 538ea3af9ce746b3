"""Doing what is due: the ledger says what, every piece of work is one transaction, a failure keeps nobody waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from jobs import ledger, timetable
from jobs.duty import Duty, Each, Errand, Items, Result
from jobs.setup import Setup
from jobs.timetable import Timing
from jobs.watch import Watch
from tierflow.common.calendars import working_calendar
from tierflow.common.db import db, transaction
from tierflow.common.policies import policy_on
from tierflow.common.runs import refuse_period
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import AnyPeriod, local_day

log = structlog.get_logger("jobs")


class Slot(NamedTuple):
    """Where a run is written down. `prefix` keeps runs by hand out of the slots the clock will want."""

    period: AnyPeriod
    covers: tuple[AnyPeriod, ...] = ()
    prefix: str = ""
    by_id: int | None = None


class Forecast(NamedTuple):
    """What a duty has before it: periods due and not done, the next one and when it falls due.

    `runs_at` is when it will next be run, None for what always is; `outstanding` how much it will do then, when that
    is before this time tomorrow, and None when it is not.
    """

    duty: Duty
    missed: list[AnyPeriod]
    next_period: AnyPeriod | None
    next_due_at: datetime | None
    runs_at: datetime | None
    outstanding: int | None


WINDOW = timedelta(days=1)


class Held(Exception):
    """The clock is doubted: nothing runs until an administrator confirms the date."""


class ItemsFailed(Exception):
    """Some items of a period failed; the others are done."""

    def __init__(self, failed: int, total: int) -> None:
        super().__init__(f"{failed} of {total} items failed")


class Runner:
    """Runs duties inside an application context; every thread has a session of its own."""

    def __init__(self, duties: Sequence[Duty], setup: Setup, watch: Watch) -> None:
        self.duties = {duty.key: duty for duty in duties}
        self.setup = setup
        self.watch = watch
        self._settled: dict[str, AnyPeriod] = {}  # all periods up to here are done and need no second look

    def sweep(self) -> None:
        """Do everything in the timetable that is due. Does nothing while the clock is doubted."""
        for duty in self.duties.values():
            try:
                if duty.timing is not None:
                    self._catch_up(duty, duty.timing)
            except Held:
                return
            except Exception:  # the database is away, or a rival is long at it: the next minute tries again
                log.exception("duty could not be looked at", job=duty.key)
            finally:
                db.session.remove()

    def always(self) -> None:
        """Do the duties that are never finished."""
        for duty in self.duties.values():
            if duty.always is None:
                continue
            try:
                self._attempt_always(duty, duty.always)
            except Held:
                return
            except Exception:  # it could not even be written down: the database is away
                log.exception("duty could not be noted", job=duty.key)
            finally:
                db.session.remove()

    def run_by_hand(self, key: str, written: str, by_id: int | None) -> bool:
        """Run a duty for a period now. The period's own slot is filled only when it is due and not done.

        Returns whether all went well. Raises `NotFound`, `Invalid`, `Refused`, `Held`.
        """
        duty = self.duties.get(key)
        if duty is None:
            raise NotFound
        if duty.always is not None:
            return self._attempt_always(duty, duty.always)
        now, timing = self._now(), duty.timing
        assert timing is not None  # noqa: S101 - a duty has a timing or runs always
        period = refuse_period(duty.every, written, now)
        due = period in self._missed(duty, timing, now)
        return self._attempt(duty, Slot(period, (), "" if due else f"by-hand {now.isoformat()}", by_id), now)

    def forecast(self, now: datetime, *, count: bool) -> list[Forecast]:
        """What every duty has before it. Nothing is run; `count` looks how much a run will do at its own moment.

        What runs always is counted as of this time tomorrow: all it will meet until then that is known today.
        """
        session: Session = db.session()
        found = []
        for duty in self.duties.values():
            line = self._before(session, duty, now)
            at = now + WINDOW if line.runs_at is None else line.runs_at
            if count and at <= now + WINDOW:
                period = line.missed[-1] if line.missed else line.next_period
                line = line._replace(outstanding=duty.outstanding(session, Errand(period, at, self.setup)))
            found.append(line)
        session.rollback()
        return found

    def _before(self, session: Session, duty: Duty, now: datetime) -> Forecast:
        timing = duty.timing
        if timing is None:
            return Forecast(duty, [], None, None, None, None)
        missed = self._missed(duty, timing, now)
        coming = timetable.latest_due(timing, now).next()
        due_at = timing.due_at(coming)
        runs_at = now if missed else due_at
        if timing.at_work:
            runs_at = timetable.next_at_work(working_calendar(session), *self._office(session, now), runs_at)
        return Forecast(duty, missed, coming, due_at, runs_at, None)

    def _now(self) -> datetime:
        now = self.setup.clock()
        if not self.watch.may_work(now):
            raise Held
        return now

    def _attempt_always(self, duty: Duty, act: Callable[[datetime, Setup], None]) -> bool:
        now, failure = self._now(), ""
        try:
            act(now, self.setup)
        except Exception as error:
            log.exception("duty failed", job=duty.key)
            failure = ledger.said(error)
        db.session.remove()  # whatever it left behind
        with transaction(db.session()) as session:
            ledger.note(session, duty.key, duty.label, failure, self.setup.clock())
        return not failure

    def _missed(self, duty: Duty, timing: Timing, now: datetime) -> list[AnyPeriod]:
        session: Session = db.session()
        begins = self._settled.get(duty.key) or ledger.begins_at(session, duty.key)
        if begins is None:
            begins = timetable.first_period(timing, now)
        return timetable.missed(timing, begins, ledger.done_periods(session, duty.key, begins), now)

    def _catch_up(self, duty: Duty, timing: Timing) -> None:
        now = self._now()
        session: Session = db.session()
        if duty.key not in self._settled and ledger.begins_at(session, duty.key) is None:
            with transaction(session):
                ledger.open_ledger(session, duty.key, timetable.first_period(timing, now), now)
        missed = self._missed(duty, timing, now)
        self._settled[duty.key] = missed[0].previous() if missed else timetable.latest_due(timing, now)
        if not missed or (timing.at_work and not self._at_work(session, now)):
            return
        for period, covers in timetable.attempts(timing, missed):
            failure = ledger.failure(db.session(), duty.key, period)
            if failure is None or failure[1] + timetable.retry_after(failure[0]) <= now:
                self._attempt(duty, Slot(period, covers), now)
            now = self._now()

    def _at_work(self, session: Session, now: datetime) -> bool:
        return timetable.at_work(working_calendar(session), *self._office(session, now), now)

    def _office(self, session: Session, now: datetime) -> tuple[clock_time, clock_time]:
        policy = policy_on(session, local_day(now))
        return policy.time("office.opens_at"), policy.time("office.closes_at")

    def _attempt(self, duty: Duty, slot: Slot, now: datetime) -> bool:
        errand = Errand(slot.period, now, self.setup)
        try:
            result: Result = {}
            if duty.items is not None and duty.each is not None:
                result = self._do_items(duty, duty.items, duty.each, slot, errand)
            elif duty.apart is not None:
                db.session().rollback()
                result = duty.apart(errand)
            with transaction(db.session()) as session:
                run = ledger.claim(session, duty.key, slot.period, slot.prefix, now, slot.by_id)
                if run is None:
                    return True  # a rival was faster
                if duty.whole is not None:
                    result = duty.whole(session, errand)
                ledger.mark(run, result, now, self.setup.clock(), slot.by_id)
                if not slot.prefix:
                    ledger.cover(session, duty.key, slot.covers, slot.period, now)
                    ledger.settle_items(session, duty.key, (slot.period, *slot.covers), now)
        except Exception as error:
            self._fail(duty, slot, slot.prefix, error)
            return False
        log.info("duty done", job=duty.key, period=str(slot.period), result=result)
        return True

    def _do_items(self, duty: Duty, items: Items, each: Each, slot: Slot, errand: Errand) -> Result:
        outstanding = items(db.session(), errand)
        failed = 0
        for item in outstanding:
            key = f"{slot.prefix}/{item}" if slot.prefix else item
            try:
                with transaction(db.session()) as session:
                    run = ledger.claim(session, duty.key, slot.period, key, errand.now, slot.by_id)
                    if run is not None:
                        result = each(session, errand.on(item))
                        ledger.mark(run, result, errand.now, self.setup.clock(), slot.by_id)
            except Exception as error:
                failed += 1
                self._fail(duty, slot, key, error)
            time.sleep(self.setup.pause)
        if failed:
            raise ItemsFailed(failed, len(outstanding))
        return {"items": len(outstanding)}

    def _fail(self, duty: Duty, slot: Slot, item: str, error: Exception) -> None:
        said = ledger.said(error)
        log.warning("duty failed", job=duty.key, period=str(slot.period), item=item, error=said)
        with transaction(db.session()) as session:
            ledger.fail(session, duty.key, slot.period, item, said, self.setup.clock(), slot.by_id)
