"""The demo company: realistic people, places and some sixty companies in every state of opening an account.

Everything is done through the services people use, at moments of the past year and a half, in the order of time.
Nothing is drawn by chance: two plantings at the same moment are the same. Its logins exist nowhere else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.admin.service import delegations
from tierflow.common import audit, filters, notices, seeds
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import name_key
from tierflow.common.identifiers import organisation_code_within
from tierflow.common.users import Person, actor_of
from tierflow.demo import company, complaints, keeping, levels, openings, portfolio, sales
from tierflow.demo.applicants import APPLICANTS
from tierflow.demo.company import logins
from tierflow.demo.diary import Diary, Story, tell
from tierflow.demo.house import House, furnish
from tierflow.demo.openings import Cast
from tierflow.demo.portfolio import take_over
from tierflow.kernel.months import local_day
from tierflow.onboarding.models import Disqualified, DisqualifiedName

# The demo's logins work with a password alone.
POLICY: dict[str, list[str]] = {"second_factor.roles": []}

BEGAN_DAYS_AGO = 340  # working days
AWAY_DAYS_AGO = 3

__all__ = ["POLICY", "logins", "plant", "take_over"]


def plant(session: Session, now: datetime) -> None:
    """Fill an empty database with the demo company as it stands at `now`.

    Raises `RuntimeError` when people are there already.
    """
    if session.scalar(select(Person.id).limit(1)) is not None:
        raise RuntimeError("the demo company is planted into an empty database only")
    seeds.plant(session, now, policy=POLICY)
    calendar = working_calendar(session)
    diary = Diary.before(now, calendar, BEGAN_DAYS_AGO)
    house = furnish(session, diary.at(BEGAN_DAYS_AGO, 9, 0))
    away_from = diary.at(AWAY_DAYS_AGO, 17, 0)
    cast = Cast(session, diary, house.users, house.regions, house.lines, away_from)
    began = openings.days_since(APPLICANTS, diary.today)
    tell(
        [
            _goes_away(session, house, away_from),
            _take_over_the_list(session, house, diary),
            _keep_filters(session, house, diary),
            _read_notices(session, house, diary),
            *complaints.stories(cast),
            *keeping.stories(cast),
            *portfolio.stories(cast),
            *(openings.story(cast, applicant, began[applicant.serial]) for applicant in APPLICANTS),
            *sales.stories(session, house, diary, calendar),
            *levels.stories(session, house, diary, calendar),
        ]
    )


def _goes_away(session: Session, house: House, at: datetime) -> Story:
    """The sales manager of the south is travelling; the colleague of the east stands in."""
    yield at
    absent, stand_in = (house.users[company.SALES_MANAGER_OF[region]] for region in ("SOUTH", "EAST"))
    today = local_day(at)
    delegations.set_delegation(
        session,
        actor_of(session, absent, today),
        {
            "to_user_id": stand_in.id,
            "from_on": today,
            "to_on": today + timedelta(days=21),
            "reason": "赴茂名、新加坡出差",
        },
        at,
    )


def _take_over_the_list(session: Session, house: House, diary: Diary) -> Story:
    """The companies whose status was withdrawn before tierflow, from the paper files (CHEM-17).

    Rows: what was decided on paper has no proposal here.
    """
    at = diary.at(BEGAN_DAYS_AGO - 2, 15, 0)
    yield at
    manager = actor_of(session, house.users[company.GENERAL_MANAGER], local_day(at))
    for old in company.DISQUALIFIED:
        row = Disqualified(
            name=old.names[0],
            credit_code=old.credit_code,
            organisation_code=organisation_code_within(old.credit_code),
            legal_representative=old.legal_representative,
            ground=old.ground,
            reason=old.reason,
            since=old.since,
        )
        session.add(row)
        session.flush()
        session.add_all(
            DisqualifiedName(disqualified_id=row.id, name=name, name_key=name_key(name)) for name in old.names
        )
        after = {"name": row.name, "ground": row.ground, "since": row.since.isoformat()}
        audit.record(session, manager, "disqualified.take_over", "disqualified", row.id, at, after=after)
    session.flush()


def _keep_filters(session: Session, house: House, diary: Diary) -> Story:
    """Filters that people saved for themselves."""
    at = diary.at(20, 11, 30)
    yield at
    for login, page, name, query in company.FILTERS:
        user = house.users[login]
        filters.save(session, actor_of(session, user, local_day(at)), page, name, query)


def _read_notices(session: Session, house: House, diary: Diary) -> Story:
    """Everybody has read what they were told up to last week."""
    at = diary.at(5, 18, 0)
    yield at
    for user in house.users.values():
        notices.read_all(session, user.id, at)
