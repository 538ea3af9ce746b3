"""The State Council's days for 2004-2026 as `chinese_calendar` ships them, in the shape the calendar is built from."""

from datetime import date

import chinese_calendar

from tierflow.kernel.calendar import WorkingCalendar

LAST_PUBLISHED = 2026


def published_days(through: int = LAST_PUBLISHED) -> dict[int, dict[date, bool]]:
    days: dict[int, dict[date, bool]] = {year: {} for year in range(2004, through + 1)}
    for table, counts in ((chinese_calendar.holidays, False), (chinese_calendar.workdays, True)):
        for day in table:
            if day.year in days:
                days[day.year][day] = counts
    return days


def calendar_2026(**changes) -> WorkingCalendar:
    return WorkingCalendar(**({"published": published_days(), "version": 7} | changes))
