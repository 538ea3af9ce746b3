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
from jobs.watch import Watch
from tierflow.common.db import db
from tierflow.kernel.months import SHANGHAI

log = structlog.get_logger("jobs")

SECONDS = {"duties": 60, "always": 60, "pulse": 20, "requests": 3}


def run_forever(app: Flask, duties: Sequence[Duty], setup: Setup) -> None:
    """Run until SIGTERM or SIGINT; what is being worked on is finished first."""
    watch = Watch(setup.clock())
    runner = Runner(duties, setup, watch)
    # The zone is passed everywhere: a trigger built without it would tick in the machine's own (P10).
    alarm = BlockingScheduler(timezone=SHANGHAI, executors={"default": ThreadPoolExecutor(len(SECONDS))})
    stopping = threading.Event()

    def pulse() -> None:
        watch.may_work(setup.clock())

    def do_duties() -> None:
        runner.sweep()
        publish(runner, setup.clock(), count=False)

    work: dict[str, Callable[[], object]] = {
        "duties": do_duties,
        "always": runner.always,
        "pulse": pulse,
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

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    log.info("scheduler started", duties=[duty.key for duty in duties])
    alarm.start()
    log.info("scheduler stopped")


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
