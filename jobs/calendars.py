"""A year whose working days are not loaded: from November on, administrators hear of it every working morning."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.common.calendars import working_calendar
from tierflow.common.notices import notify
from tierflow.common.users import holders
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text

# The State Council publishes the next year's days in October or November.
EXPECTED_FROM = (11, 1)


def missing_years(session: Session, errand: Errand) -> Sequence[str]:
    """This year, and from 1 November the next, when its working days are not loaded."""
    today = local_day(errand.now)
    years = [today.year] + ([today.year + 1] if (today.month, today.day) >= EXPECTED_FROM else [])
    calendar = working_calendar(session)
    return [str(year) for year in years if not calendar.is_published(year)]


def warn(session: Session, errand: Errand) -> Result:
    """One notice a day to every administrator."""
    year, today = int(errand.item), local_day(errand.now)
    message = text(
        "The working calendar of %(year)s is not loaded. Deadlines that reach into it are provisional until it is.",
        year=year,
    )
    ids = [user.id for user in holders(session, Role.ADMINISTRATOR, today)]
    key = f"calendar.missing.{year}.{today}"
    return {
        "notices": len(
            notify(session, ids, "calendar.missing", message, ("calendar", year), errand.now, dedupe_key=key)
        )
    }
