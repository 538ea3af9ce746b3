"""When duties fall due, which periods were missed, and when the clock itself is doubted. Pure: no clock, no database.

A duty asks for a state ("papers near their end and not warned of"), never for an instant, so that a period may be
done late. The ledger says which periods are done; everything here follows from it and the present moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import AnyPeriod, local_day, local_instant


class CatchUp(StrEnum):
    """What an outage means for the periods it swallowed."""

    EACH = "each"  # every one by itself, oldest first: what is computed for a period
    LATEST = "latest"  # the newest does the work of all: what only asks for a state


@dataclass(frozen=True)
class Timing:
    """A period kind and the moment, in Asia/Shanghai, at which a period's duty falls due.

    The moment lies `days` after the period's first day, or, with `after`, after its end (0: the first day after it).
    `at_work`: only in office hours of working days; nobody wants mail at midnight or on a holiday.
    """

    every: type[AnyPeriod]
    at: time
    days: int = 0
    after: bool = False
    catch_up: CatchUp = CatchUp.LATEST
    at_work: bool = False

    def due_at(self, period: AnyPeriod) -> datetime:
        """The instant from which the period's duty can be done."""
        return local_instant((period.end if self.after else period.start) + timedelta(days=self.days), self.at)


class Attempt(NamedTuple):
    """A period to do now, and the earlier ones that are done with it."""

    period: AnyPeriod
    covers: tuple[AnyPeriod, ...]


def latest_due(timing: Timing, now: datetime) -> AnyPeriod:
    """The newest period whose duty can be done by now."""
    period = timing.every.at(now)
    while timing.due_at(period) > now:
        period = period.previous()
    while timing.due_at(period.next()) <= now:
        period = period.next()
    return period


def first_period(timing: Timing, now: datetime) -> AnyPeriod:
    """Where the ledger of a duty begins that is seen for the first time: just before the period that is due now."""
    return latest_due(timing, now).previous()


def missed(timing: Timing, begins: AnyPeriod, done: Collection[str], now: datetime) -> list[AnyPeriod]:
    """The periods after `begins` that are due and not done, oldest first."""
    found: list[AnyPeriod] = []
    period, last = begins.next(), latest_due(timing, now)
    while period <= last:  # type: ignore[operator]
        if str(period) not in done:
            found.append(period)
        period = period.next()
    return found


def attempts(timing: Timing, outstanding: Sequence[AnyPeriod]) -> list[Attempt]:
    """What to do about missed periods (oldest first)."""
    if not outstanding:
        return []
    if timing.catch_up is CatchUp.LATEST:
        return [Attempt(outstanding[-1], tuple(outstanding[:-1]))]
    return [Attempt(period, ()) for period in outstanding]


FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=6)


def retry_after(tries: int) -> timedelta:
    """How long to leave alone what has failed `tries` times: 1, 2, 4 … minutes, 6 hours at most."""
    return min(FIRST_RETRY * (1 << min(max(tries, 1) - 1, 20)), LAST_RETRY)


def at_work(calendar: WorkingCalendar, opens: time, closes: time, now: datetime) -> bool:
    """Whether the office is open: a working day, between opening and closing."""
    day = local_day(now)
    return calendar.is_working_day(day) and local_instant(day, opens) <= now < local_instant(day, closes)


def next_at_work(calendar: WorkingCalendar, opens: time, closes: time, at: datetime) -> datetime:
    """`at` when the office is open then, else the next opening."""
    day = local_day(at)
    if not calendar.is_working_day(day) or at >= local_instant(day, closes):
        day = calendar.nth_working_day(day, 1).on
    return max(at, local_instant(day, opens))


class Doubt(StrEnum):
    """Why the clock is not believed."""

    FORWARD = "forward"
    BACK = "back"
    GAP = "gap"


# Smaller steps are a clock being set right; what they bring early or late is a matter of hours.
JUMP_FORWARD = timedelta(hours=12)
JUMP_BACK = timedelta(hours=1)
LONGEST_SILENCE = timedelta(days=35)


def doubt(last_beat: datetime, now: datetime, elapsed: timedelta | None) -> Doubt | None:
    """Whether the time read now can be true after the last beat; `elapsed` by a steady clock, None at start.

    A living process compares two clocks. At start there is only the silence: long, or negative.
    """
    step = now - last_beat
    if elapsed is None:
        if step > LONGEST_SILENCE:
            return Doubt.GAP
    elif step - elapsed > JUMP_FORWARD:
        return Doubt.FORWARD
    if (elapsed or timedelta()) - step > JUMP_BACK:
        return Doubt.BACK
    return None
