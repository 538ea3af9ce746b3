"""The scheduler process. APScheduler is the alarm clock and nothing else: it wakes, the ledger decides."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask

from jobs.board import answer_requests, publish
from jobs.duty import Duty
from jobs.runner import Runner
from jobs.setup import Setup
from jobs.watch import Watch, steady
from tierflow.common.db import db
from tierflow.kernel.months import SHANGHAI

log = structlog.get_logger("jobs")

PULSE_SECONDS = 20
SECONDS = {"duties": 60, "always": 60, "requests": 3}


def run_forever(app: Flask, duties: Sequence[Duty], setup: Setup) -> None:
    """Run until SIGTERM or SIGINT; what is being worked on is finished first."""
    watch = Watch(setup.clock())
    runner = Runner(duties, setup, watch)
    # The zone is passed everywhere: a trigger built without it would tick in the machine's own (P10).
    alarm = BlockingScheduler(timezone=SHANGHAI, executors={"default": ThreadPoolExecutor(len(SECONDS))})
    stopping = threading.Event()

    def do_duties() -> None:
        runner.sweep()
        publish(runner, setup.clock(), count=False)

    work: dict[str, Callable[[], object]] = {
        "duties": do_duties,
        "always": runner.always,
        "requests": lambda: answer_requests(runner),
    }
    for name, act in work.items():
        alarm.add_job(
            _guarded(app, name, act, stopping),
            "interval",
            id=name,
            seconds=SECONDS[name],
            next_run_time=setup.clock(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def stop(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stopping.set()
        # From a thread: the alarm's own locks may be held where the signal struck.
        threading.Thread(target=alarm.shutdown).start()

    pulse = threading.Thread(target=_pulse, args=(app, alarm, watch, setup, stopping), name="pulse")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("scheduler started", duties=[duty.key for duty in duties])
    pulse.start()
    alarm.start()
    pulse.join()
    log.info("scheduler stopped")


def _pulse(app: Flask, alarm: BlockingScheduler, watch: Watch, setup: Setup, stopping: threading.Event) -> None:
    """Beat by the steady clock. The alarm waits for times of day: one that was set back must be woken by hand."""

    def beat() -> None:
        watch.may_work(setup.clock())

    beat_safely = _guarded(app, "pulse", beat, stopping)
    before, ticks = setup.clock(), steady()
    while not stopping.wait(PULSE_SECONDS):
        beat_safely()
        now, now_ticks = setup.clock(), steady()
        if (now - before).total_seconds() < now_ticks - ticks - PULSE_SECONDS:
            for job in alarm.get_jobs():
                job.modify(next_run_time=now)
        before, ticks = now, now_ticks


def _guarded(app: Flask, name: str, act: Callable[[], object], stopping: threading.Event) -> Callable[[], None]:
    def run() -> None:
        if stopping.is_set():
            return
        with app.app_context():
            try:
                act()
            except Exception:  # the database is away: the next tick tries again
                log.exception("alarm failed", alarm=name)
            finally:
                db.session.remove()

    return run
