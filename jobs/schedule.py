"""The timetable, as data. Times are Asia/Shanghai's. Order is the order of work when several duties are due."""

from __future__ import annotations

from datetime import time

from jobs import (
    approvals,
    calendars,
    complaints,
    contracts,
    distribution,
    grading,
    handovers,
    housekeeping,
    imports,
    inspection,
    outbox,
    papers,
    safety,
)
from jobs.duty import Duty
from jobs.timetable import Timing
from tierflow.kernel.months import Day, HalfYear, Week
from tierflow.kernel.text import mark

TIMETABLE: tuple[Duty, ...] = (
    Duty(
        "deliveries",
        mark("Deliver notices by mail and robot"),
        always=outbox.deliver,
        count=outbox.count,
    ),
    Duty(
        "complaint-clocks",
        mark("Watch the clocks of complaints: warn, note breaches, escalate"),
        always=complaints.watch,
        count=complaints.count,
    ),
    Duty(
        "follow-ups",
        mark("Remind of measures, inquiries and departments asked, tell whoever stands above when they are overdue"),
        always=complaints.follow_up,
        count=complaints.count_followups,
    ),
    Duty("imports", mark("Check, apply and revert imports"), always=imports.work, count=imports.count),
    Duty(
        "complaint-digest",
        mark("Send the general manager's morning digest"),
        Timing(Day, time(8, 30), at_work=True),
        whole=complaints.digest,
        count=complaints.count_digest,
    ),
    Duty("grading-runs", mark("Work out the levels of large companies"), always=grading.work, count=grading.count),
    Duty(
        "month-close",
        mark("Propose the levels of the month that is over"),
        Timing(Day, time(7, 0)),
        whole=grading.propose,
        count=grading.count_proposals,
    ),
    Duty(
        "reviews",
        mark("Open, score and freeze periodic reviews"),
        Timing(Day, time(7, 15)),
        whole=grading.review,
        count=grading.count_reviews,
    ),
    Duty(
        "levels-watch",
        mark("Escalate unconfirmed levels, warn of levels about to be lost"),
        Timing(Day, time(9, 0), at_work=True),
        whole=grading.watch,
        count=grading.count_warnings,
    ),
    Duty(
        "approvals",
        mark("Remind of approvals that wait, and escalate them"),
        Timing(Day, time(9, 0), at_work=True),
        items=approvals.waiting_too_long,
        each=approvals.nudge,
    ),
    Duty(
        "handovers",
        mark("Hand portfolios over whose day has come"),
        Timing(Day, time(0, 5)),
        items=handovers.due,
        each=handovers.complete,
    ),
    Duty(
        "portfolios",
        mark("Warn of portfolios and offices without a valid person"),
        Timing(Day, time(9, 0), at_work=True),
        items=handovers.ending,
        each=handovers.warn,
    ),
    Duty(
        "distribution",
        mark("Send finance and resident offices the customers they lack"),
        Timing(Day, time(6, 0)),
        items=distribution.untold,
        each=distribution.tell,
    ),
    Duty(
        "papers",
        mark("Warn of papers near their end"),
        Timing(Day, time(9, 0), at_work=True),
        items=papers.near_their_end,
        each=papers.warn,
    ),
    Duty(
        "inspection",
        mark("Draw the customer files to inspect this half-year"),
        Timing(HalfYear, time(9, 0), at_work=True),
        whole=inspection.draw,
        count=inspection.count,
    ),
    Duty(
        "contracts",
        mark("Warn of contracts near their end"),
        Timing(Day, time(9, 0), at_work=True),
        items=contracts.near_their_end,
        each=contracts.warn,
    ),
    Duty(
        "calendar",
        mark("Warn of a working calendar that is not loaded"),
        Timing(Day, time(9, 0), at_work=True),
        items=calendars.missing_years,
        each=calendars.warn,
    ),
    Duty(
        "anchor",
        mark("Anchor the audit chain outside the database"),
        Timing(Day, time(1, 0)),
        apart=safety.daily_anchor,
    ),
    Duty("backup", mark("Back up the database"), Timing(Day, time(1, 30)), apart=safety.daily_backup),
    Duty(
        "housekeeping",
        mark("Delete ended sessions, keys and login attempts"),
        Timing(Day, time(2, 30)),
        apart=housekeeping.sweep,
        count=housekeeping.count,
    ),
    Duty(
        "proof",
        mark("Prove that nothing stored was altered"),
        Timing(Week, time(3, 30), days=5),
        apart=safety.weekly_proof,
    ),
)
