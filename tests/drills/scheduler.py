"""Years of the scheduler against a plain model: outages, two processes, kills, failures, jumps of the clock.

`python -m tests.drills scheduler [--years 5]` on both engines. Every duty of the timetable that has periods takes part
with its own timing and kind of work; what it does is replaced by a row that says so. The clock of complaints runs as
it is: complaints are received all along and never answered, and at the end what is noted of each is held against
`tests.complaints.plain_clock`. The other duties that run always take no part. Every few hours something wakes: one
process or two at once, sometimes dying before a random SQL statement, sometimes after weeks of silence, sometimes with
a clock that has jumped, which holds everything until an administrator confirms the date.

The model is naive: every moment a duty ever falls due, laid out beforehand by adding days. After each undisturbed wake
exactly the periods due by then are done: none missed, none doubled, none invented. The same holds of the events of
every complaint, which are noted at their own instants and never beforehand.
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.duty import Duty
from jobs.runner import Runner
from jobs.schedule import TIMETABLE
from jobs.timetable import CatchUp, Timing
from jobs.watch import Watch
from tests.builders import line, region, user
from tests.complaints import plain_clock
from tests.complaints.scenes import customer
from tests.conftest import StandingClock
from tests.databases import fresh_databases
from tests.drills.probes import Probe
from tests.jobs.world import Killed, killed_at, setup_in
from tierflow import create_app
from tierflow.common import runs, seeds
from tierflow.common.db import db, transaction
from tierflow.common.reference import Product
from tierflow.common.runs import Heartbeat, JobDuty, Run
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import User, actor_of
from tierflow.common.verify import job_periods
from tierflow.complaints.models import Clock, ClockEvent
from tierflow.complaints.service import intake
from tierflow.kernel.months import SHANGHAI, Month, Quarter, Week, local_day
from tierflow.kernel.roles import Role

BEGINS = datetime(2021, 11, 21, 4, 0, tzinfo=UTC)
OFFICE = (time(8, 30), time(17, 30))
CLOCKS = next(duty for duty in TIMETABLE if duty.key == "complaint-clocks")
LIMITS = {"general": 1, "major": 3, "serious": 3}  # working days
EVENTS = {"halfway": "halfway", "warn": "due_day", "due": "breached", "escalate": "escalated"}  # by the plain clock
LAST_COMPLAINT = date(2026, 12, 10)
# Kinds of period the timetable may yet hold: what is computed for each period by itself.
EXTRA = (
    Duty("month", "month", Timing(Month, time(2, 0), days=4, after=True, catch_up=CatchUp.EACH), whole=lambda *_: {}),
    Duty("quarter", "quarter", Timing(Quarter, time(9, 0), catch_up=CatchUp.EACH, at_work=True), whole=lambda *_: {}),
    Duty("week", "week", Timing(Week, time(17, 0), days=4, catch_up=CatchUp.EACH), whole=lambda *_: {}),
)


@dataclass
class Found:
    """The lies found; `counts` tells how much the drill has gone through."""

    lies: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def moments(timing: Timing, begins: datetime, ends: datetime) -> list[tuple[str, datetime]]:
    """Every period of a timing and the moment it falls due, by adding days to its first: the plain model."""
    period = timing.every.at(begins - timedelta(days=400))
    found = []
    while True:
        day: date = (period.end if timing.after else period.start) + timedelta(days=timing.days)
        at = datetime.combine(day, timing.at, tzinfo=SHANGHAI)
        if at > ends:
            return found
        found.append((str(period), at))
        period = period.next()


def is_open(working: frozenset[date], now: datetime) -> bool:
    """Whether the office is open, by a set of working days."""
    local = now.astimezone(SHANGHAI)
    return local.date() in working and OFFICE[0] <= local.time() < OFFICE[1]


class Simulation:
    """One database, one stretch of years, one seed."""

    def __init__(self, url: str, years: float, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.clock = StandingClock(BEGINS)
        self.steady = 0.0
        self.ends = BEGINS + timedelta(days=365.25 * years)
        self.app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "drill", "CLOCK": self.clock})
        self.folder = folder
        self.result = Found()
        with self.app.app_context(), transaction() as session:
            seeds.plant(session, BEGINS, policy={"second_factor.roles": []})
            self.company = self._company(session)
        timed = [duty for duty in TIMETABLE if duty.timing is not None]
        self.probes = {duty.key: Probe(duty) for duty in (*timed, *EXTRA)}
        self.model = {
            key: moments(probe.duty.timing, BEGINS, self.ends + timedelta(days=60))
            for key, probe in self.probes.items()
            if probe.duty.timing is not None
        }
        self.first = {key: sum(at <= BEGINS for _p, at in model) - 1 for key, model in self.model.items()}
        self.working = self._working_days()
        self.processes = [self.process(), self.process()]

    def due(self, key: str) -> list[str]:
        """The periods of a duty due by now, oldest first; what was due before the first start is nobody's."""
        now = self.clock()
        return [period for period, at in self.model[key][self.first[key] :] if at <= now]

    def _working_days(self) -> frozenset[date]:
        import chinese_calendar

        day, found = BEGINS.date() - timedelta(days=1), set()
        while day <= self.ends.date() + timedelta(days=60):
            works = chinese_calendar.is_workday(day) if day.year <= 2026 else day.weekday() < 5
            found |= {day} if works else set()
            day += timedelta(days=1)
        return frozenset(found)

    def _company(self, session: Session) -> dict[str, int]:
        east, lines = region(session), line(session)
        manager = user(session, "am", Role.ACCOUNT_MANAGER, now=BEGINS)
        user(session, "sm", (Role.SALES_MANAGER, east.id), now=BEGINS)
        user(session, "gm", Role.GENERAL_MANAGER, now=BEGINS)
        user(session, "admin", Role.ADMINISTRATOR, now=BEGINS)
        product = session.scalars(select(Product).where(Product.product_line_id == lines.id)).one()
        return {
            "customer_id": customer(session, east.id, manager.id, approved_at=BEGINS, approved_on=BEGINS.date()).id,
            "product_id": product.id,
            "manager_id": manager.id,
        }

    def _complain(self) -> None:
        """A complaint comes in, unless its time would reach into the year nobody has published."""
        now = self.clock()
        if now.date() > LAST_COMPLAINT:
            return
        command = {
            "customer_id": self.company["customer_id"],
            "product_id": self.company["product_id"],
            "severity": self.chance.choice(list(LIMITS)),
            "channel": "phone",
            "said_at": now,
            "facts": "熔指偏低。",
        }
        with self.app.app_context():
            with transaction() as session:
                taker = session.get_one(User, self.company["manager_id"])
                intake.take(session, actor_of(session, taker, local_day(now)), command, now)
            db.session.remove()

    def process(self) -> Runner:
        """A process that has just started."""
        duties = [*(probe.as_duty() for probe in self.probes.values()), CLOCKS]
        return Runner(duties, setup_in(self.folder, self.clock), Watch(self.clock(), lambda: self.steady))

    def run(self) -> Found:
        """Wake until the years are over."""
        while self.clock() < self.ends:
            self.wake()
        self._at_the_end()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        return self.result

    def wake(self) -> None:
        """Time passes; something happens; what is undisturbed is compared with the model."""
        chance, counts = self.chance, self.result.counts
        counts["wakes"] += 1
        event = chance.choices(
            ("pass", "both", "kill", "fail", "outage", "silence", "forward", "back"), (40, 25, 20, 8, 3, 0.5, 1, 1)
        )[0]
        counts[event] += 1
        gap = timedelta(minutes=chance.uniform(1, 12 * 60 - 1))
        if event == "outage":
            gap = timedelta(days=chance.uniform(0.5, 34))
        if event == "silence":
            gap = timedelta(days=chance.uniform(35.1, 80))
        self.clock.at += gap
        self.steady += gap.total_seconds()
        if event in ("outage", "silence"):
            self.processes = [self.process(), self.process()]
        if event == "silence":
            self._held_until_confirmed()
        elif event in ("forward", "back"):
            self._jump(event)
        elif event == "kill":
            self._kill()
        if chance.random() < 0.4:
            self._complain()
        for probe in self.probes.values():
            probe.is_broken = event == "fail" and chance.random() < 0.4
        self._sweep(self.processes if event == "both" else [chance.choice(self.processes)])
        if event != "fail":
            self._compare()

    def _sweep(self, processes: Sequence[Runner]) -> None:
        failures: list[BaseException] = []

        def work(process: Runner) -> None:
            try:
                with self.app.app_context():
                    process.sweep()
                    process.always()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(process,)) for process in processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.result.lies += [f"{self.clock():%F %H:%M}: {type(error).__name__}: {error}" for error in failures]

    def _kill(self) -> None:
        """One process dies before some statement; another takes its place."""
        at = self.chance.randrange(len(self.processes))
        try:
            with killed_at(self.app, self.chance.randint(1, 120)), self.app.app_context():
                self.processes[at].sweep()
                self.processes[at].always()
        except Killed:
            self.result.counts["killed"] += 1
        finally:
            with self.app.app_context():
                db.session.remove()
        self.processes[at] = self.process()

    def _jump(self, kind: str) -> None:
        """The clock jumps under a living process: nothing runs by the wrong time, nor after it until confirmed."""
        process = self.processes[0]
        self._sweep([process])  # it has seen the right time
        wrong = timedelta(days=self.chance.uniform(2, 300)) * (1 if kind == "forward" else -1)
        right, before = self.clock.at, self._done()
        self.clock.at = right + wrong
        self.steady += 60
        self._sweep([process])
        self.clock.at = right + timedelta(minutes=2)
        self.steady += 60
        self._sweep(self.processes)
        self._still_held(before)
        self._confirm()

    def _held_until_confirmed(self) -> None:
        before = self._done()
        self._sweep(self.processes)
        self._still_held(before)
        self._confirm()

    def _still_held(self, before: Counter[tuple[str, str]]) -> None:
        with self.app.app_context():
            beat = db.session().get(Heartbeat, runs.SCHEDULER)
            held = beat is not None and beat.held_since is not None
            db.session.remove()
        if not held or self._done() != before:
            self.result.lies.append(f"{self.clock():%F %H:%M}: not held")

    def _confirm(self) -> None:
        self.result.counts["confirmed"] += 1
        now = self.clock()
        with self.app.app_context():
            with transaction() as session:
                admin = session.scalars(select(User).where(User.login == "admin")).one()
                runs.release(session, actor_of(session, admin, local_day(now)), now, seen_on=local_day(now))
            db.session.remove()
        self.processes = [self.process(), self.process()]

    def _done(self) -> Counter[tuple[str, str]]:
        """(duty, period) in the ledger as done, each with how often."""
        with self.app.app_context():
            query = select(Run.job, Run.period).where(Run.item == "", Run.state == "done")
            found = Counter((job, period) for job, period in db.session().execute(query))
            db.session.remove()
        return found

    def _compare(self) -> None:
        """After an undisturbed wake: exactly what the model says is done."""
        now = self.clock()
        resting = self._resting(now)
        done = self._done()
        for (job, period), times in done.items():
            if times > 1:
                self.result.lies.append(f"{now:%F %H:%M}: {job} {period} done {times} times")
        for key, probe in self.probes.items():
            wanted = set(self.due(key))
            have = {period for job, period in done if job == key}
            timing = probe.duty.timing
            opening = self.model[key][self.first[key] - 1][0]  # the ledger begins just before the first
            if invented := have - wanted - {opening}:
                self.result.lies.append(f"{now:%F %H:%M}: {key} invented {sorted(invented)}")
            waits = timing is not None and timing.at_work and not is_open(self.working, now)
            if key not in resting and not waits and (missed := wanted - have):
                self.result.lies.append(f"{now:%F %H:%M}: {key} missed {sorted(missed)}")

    def _resting(self, now: datetime) -> set[str]:
        """Duties that failed and are left alone for a while."""
        with self.app.app_context():
            query = select(Run.job, Run.tries, Run.ended_at).where(Run.state == "failed", Run.item == "")
            found = {
                job
                for job, tries, ended_at in db.session().execute(query)
                if ended_at + min(timedelta(minutes=2 ** min(tries - 1, 20)), timedelta(hours=6)) > now
            }
            db.session.remove()
        return found

    def _at_the_end(self) -> None:
        """Everything is caught up; the effects are those of the periods, each once and in order."""
        for rest in (0, 7):  # hours; the second time whatever failed has rested
            self.clock.at += timedelta(hours=rest)
            self.steady += rest * 3600
            while not is_open(self.working, self.clock()):
                self.clock.at += timedelta(hours=1)
                self.steady += 3600
        self._sweep([self.processes[0]])
        self._compare()
        with self.app.app_context():
            self.result.lies += list(job_periods(db.session(), self.clock()))
            rows = db.session().execute(select(LoginAttempt.login, LoginAttempt.address).order_by(LoginAttempt.id))
            effects: dict[str, list[str]] = {}
            for key, address in rows:
                effects.setdefault(key, []).append(address)
            failing = select(JobDuty.key, JobDuty.last_error).where(JobDuty.tries > 0)
            self.result.lies += [f"{key} failed: {error}" for key, error in db.session().execute(failing)]
            self._judge_clocks(db.session())
            covered = {(run.job, run.period) for run in db.session().scalars(select(Run)) if "covered_by" in run.result}
            db.session.remove()
        for key, probe in self.probes.items():
            self._judge(key, probe, effects.get(key, []), {p for job, p in covered if job == key})

    def _judge_clocks(self, session: Session) -> None:
        """Every event of every complaint, against the plain clock: those whose instant has passed, once, no other."""
        now, noted = self.clock(), list(EVENTS.values())
        for clock in session.scalars(select(Clock)):
            plain = plain_clock.instants(clock.received_at, LIMITS[clock.severity])
            wanted = {EVENTS[name]: at for name, at in plain.items() if at is not None and at < now}
            query = select(ClockEvent).where(ClockEvent.clock_id == clock.id, ClockEvent.kind.in_(noted))
            events = session.scalars(query).all()
            self.result.counts["complaints"] += 1
            self.result.counts["events"] += len(events)
            found = {event.kind: event.at.replace(microsecond=0) for event in events}
            if found != wanted or len(events) != len(wanted):
                self.result.lies.append(f"complaint of {clock.received_at:%F %H:%M}: {found} instead of {wanted}")
            if early := [event.kind for event in events if not event.at <= event.recorded_at <= now]:
                self.result.lies.append(f"complaint of {clock.received_at:%F %H:%M}: {early} noted before its time")

    def _judge(self, key: str, probe: Probe, effects: list[str], covered: set[str]) -> None:
        """Effects against the model: each period itself, or (where only a state is asked for) by a later one."""
        due, lies = self.due(key), self.result.lies
        self.result.counts["periods"] += len(due)
        mine = [period for period in due if period not in covered]
        if probe.duty.timing is not None and probe.duty.timing.catch_up is CatchUp.EACH and covered:
            lies.append(f"{key}: {sorted(covered)} were not done by themselves")
        if probe.duty.apart is not None:  # may be done again after a kill, never left out
            if not set(mine) <= set(probe.lines) <= set(due):
                lies.append(f"{key}: {sorted(set(mine) - set(probe.lines))} never done")
            return
        if probe.duty.each is not None:
            missing = [item for period in mine for item in (f"{period}.a", f"{period}.b") if item not in set(effects)]
            lies += [f"{key}: {missing} never done"] if missing else []
        elif effects != mine:
            lies.append(f"{key}: effects are not the periods in order")
        if doubled := [address for address, times in Counter(effects).items() if times > 1]:
            lies.append(f"{key}: {doubled} done twice")


def simulate(url: str, years: float, seed: int = 4) -> Found:
    """Run the years on a migrated, empty database."""
    with tempfile.TemporaryDirectory() as folder:
        return Simulation(url, years, seed, Path(folder)).run()


def main(years: float, engines: Sequence[str] = ("sqlite", "postgresql")) -> bool:
    """Says what was gone through and every lie found."""
    is_true = True
    for engine in engines:
        with fresh_databases(engine) as fresh:
            found = simulate(fresh(), years)
        told = ", ".join(f"{name} {number}" for name, number in sorted(found.counts.items()))
        print(f"{engine}: {years} years, {told}; {len(found.lies)} lies")
        print("\n".join(found.lies[:20]))
        is_true = is_true and not found.lies
    return is_true
