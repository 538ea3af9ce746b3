"""Offices that end by themselves on a day, and what that leaves without a valid person (CHEM-3.3).

An office is granted up to a day, and no refusal stops a day from coming: whoever can grant another is told before, and
on that day. Asked is a state: late, twice or after an outage does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from tierflow.common import desks, portfolios
from tierflow.common.notices import notify
from tierflow.common.runs import Warned
from tierflow.common.users import RoleGrant, User, holders, live_grants
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import ROLE_LABELS, Grant, Role, covers
from tierflow.kernel.text import Text, text

OFFICE, PERSON = "desk", "share"  # an office nobody will hold · a person with work and no office left


def ending(session: Session, now: datetime, days: int) -> list[str]:
    """What to warn of now, as "kind.grant or account.first day without.stage"."""
    on = local_day(now)
    ahead = on + timedelta(days=days)
    found = [(OFFICE, grant.id, day) for grant, day in _unheld(session, ahead) if _left(session, grant, ahead)]
    found += [(PERSON, user.id, day) for user, day in _without(session, ahead) if _kept(session, user, on)]
    told = {
        (row.topic, row.subject_id, row.day, row.stage)
        for row in session.scalars(select(Warned).where(Warned.topic.in_((OFFICE, PERSON))))
    }
    staged = [(*one, "ahead" if one[2] > on else "gone") for one in found]
    return [f"{one[0]}.{one[1]}.{one[2].isoformat()}.{one[3]}" for one in staged if one not in told]


def _ended(ahead: date) -> tuple[object, ...]:
    """Grants that ended by themselves, or will have by then."""
    return (RoleGrant.approved_at.is_not(None), RoleGrant.revoked_at.is_(None), RoleGrant.to_on <= ahead)


def _unheld(session: Session, ahead: date) -> Iterator[tuple[RoleGrant, date]]:
    """The last grant of each office that nobody holds on a day, and its first day without."""
    last: dict[Grant, RoleGrant] = {}
    for grant in session.scalars(select(RoleGrant).where(*_ended(ahead)).order_by(RoleGrant.to_on, RoleGrant.id)):  # type: ignore[arg-type]
        last[_office(grant)] = grant
    held = [holder.grant for holder in desks.holders(session, ahead)]
    for office, grant in last.items():
        if grant.to_on is not None and not any(covers(one, office.role, office.scope_id) for one in held):
            yield grant, grant.to_on


def _office(grant: RoleGrant) -> Grant:
    return Grant(Role(grant.role), grant.scope_id)


def _left(session: Session, grant: RoleGrant, ahead: date) -> list[tuple[desks.Desk, int]]:
    return desks.waiting(session, _office(grant), desks.holders(session, ahead))


def _without(session: Session, ahead: date) -> Iterator[tuple[User, date]]:
    """Accounts in use whose last office ends by a day, and their first day without."""
    still = exists().where(RoleGrant.user_id == User.id, *live_grants(ahead)).correlate(User)  # type: ignore[arg-type]
    rows = session.execute(
        select(User, RoleGrant.to_on)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(User.disabled_at.is_(None), ~still, *_ended(ahead))  # type: ignore[arg-type]
        .order_by(User.id, RoleGrant.to_on)
    )
    last = {user: day for user, day in rows if day is not None}
    yield from last.items()


def _kept(session: Session, user: User, on: date) -> list[portfolios.Held]:
    """What binds an account whatever its office; whose customers it keeps is warned of as a portfolio."""
    held = [one for one in portfolios.held_by(session, user.id, on) if one.share.binds]
    return [] if any(one.share.role is not None for one in held) else held


def warn(session: Session, item: str, now: datetime) -> int:
    """Tell the administrators, who grant offices, the general manager and whose office it is; once each."""
    kind, number, written, stage = item.split(".")
    on, day = local_day(now), date.fromisoformat(written)
    if kind == OFFICE:
        grant = session.get_one(RoleGrant, int(number))
        user, role = session.get_one(User, grant.user_id), Text(ROLE_LABELS[Role(grant.role)])
        messages: Sequence[tuple[str, Text]] = [
            (
                desk.key,
                text(
                    "%(what)s: %(number)s wait for the %(role)s; from %(day)s on nobody is (%(who)s so far).",
                    what=Text(desk.label),
                    number=count,
                    role=role,
                    who=user.name,
                    day=day.isoformat(),
                ),
            )
            for desk, count in _left(session, grant, max(day, on))
        ]
    else:
        user = session.get_one(User, int(number))
        messages = [
            (
                held.share.key,
                text(
                    "%(what)s: %(number)s lie with %(who)s, who holds no office from %(day)s on.",
                    what=Text(held.share.label),
                    number=held.number,
                    who=user.name,
                    day=day.isoformat(),
                ),
            )
            for held in _kept(session, user, on)
        ]
    people = {user.id} if user.disabled_at is None else set()
    for office in (Role.ADMINISTRATOR, Role.GENERAL_MANAGER):
        people |= {one.id for one in holders(session, office, on)}
    sent = 0
    for key, message in messages:
        dedupe = f"ending.{item}.{key}"
        sent += len(notify(session, people, "office.ending", message, ("user", user.id), now, dedupe_key=dedupe))
    session.add(Warned(topic=kind, subject_id=int(number), day=day, stage=stage, at=now))
    return sent
