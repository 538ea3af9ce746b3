"""Portfolios about to be without a valid person, or without one already (CHEM-3.3).

An office that was granted up to a day ends by itself, and no refusal stops a day from coming: those who answer for the
customers are told before, and on that day. Asked is a state: late, twice or after an outage does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.runs import Warned
from tierflow.common.users import RoleGrant, User, holders, live_grants, stand_ins
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application
from tierflow.onboarding.service import portfolio
from tierflow.onboarding.terms_keeping import PORTFOLIO_WARN_DAYS

TOPIC = "portfolio"


def ending(session: Session, now: datetime) -> list[str]:
    """The portfolios to warn of now, as "account.first day without a valid person.stage"."""
    on = local_day(now)
    ahead = on + timedelta(days=policy_on(session, on).integer(PORTFOLIO_WARN_DAYS))
    still = exists().where(
        RoleGrant.user_id == User.id,
        RoleGrant.role == Role.ACCOUNT_MANAGER.value,
        *live_grants(ahead),  # type: ignore[arg-type]
    )
    owners = session.scalars(
        select(User)
        .where(
            exists().where(Customer.account_manager_id == User.id)
            | User.id.in_(portfolio.managers_of_open_applications()),
            User.disabled_at.is_not(None) | ~still,
        )
        .order_by(User.id)
    ).all()
    grants: dict[int, list[RoleGrant]] = {owner.id: [] for owner in owners}
    of_managers = RoleGrant.role == Role.ACCOUNT_MANAGER.value
    for grant in session.scalars(select(RoleGrant).where(RoleGrant.user_id.in_(grants), of_managers)):
        grants[grant.user_id].append(grant)
    days = {owner.id: _first_day_without(owner, grants[owner.id]) for owner in owners}
    told = {
        (row.subject_id, row.day, row.stage)
        for row in session.scalars(select(Warned).where(Warned.topic == TOPIC, Warned.subject_id.in_(days)))
    }
    found = [(user_id, day, "ahead" if day > on else "gone") for user_id, day in days.items()]
    return [f"{one[0]}.{one[1].isoformat()}.{one[2]}" for one in found if one not in told]


def _first_day_without(owner: User, grants: Sequence[RoleGrant]) -> date:
    """When the last of the offices ended or ends, or the account was closed before."""
    ends = [
        min(grant.to_on or date.max, local_day(grant.revoked_at) if grant.revoked_at else date.max)
        for grant in grants
        if grant.approved_at is not None
    ]
    day = max(ends, default=local_day(owner.created_at))
    return min(day, local_day(owner.disabled_at)) if owner.disabled_at else day


def warn(session: Session, item: str, now: datetime) -> int:
    """Tell the sales managers of its customers (the general manager where there is none) and the person, once each."""
    account, written, stage = item.split(".")
    on, user, day = local_day(now), session.get_one(User, int(account)), date.fromisoformat(written)
    regions = set(
        session.scalars(select(Customer.region_id).where(Customer.account_manager_id == user.id).distinct())
    ) | set(session.scalars(select(Application.region_id).where(*portfolio.open_applications(user.id)).distinct()))
    people = {
        one.id for region in regions if region is not None for one in holders(session, Role.SALES_MANAGER, on, region)
    }
    if not people:
        people = {one.id for one in holders(session, Role.GENERAL_MANAGER, on)}
    if user.disabled_at is None:
        people.add(user.id)
    people.update(*stand_ins(session, people, on).values())
    message = text(
        "The portfolio of %(who)s is without a valid person from %(day)s on: hand it over.",
        who=user.name,
        day=day.isoformat(),
    )
    key = f"portfolio.{user.id}.{day}.{stage}"
    sent = notify(session, sorted(people), "handover", message, ("user", user.id), now, dedupe_key=key)
    session.add(Warned(topic=TOPIC, subject_id=user.id, day=day, stage=stage, at=now))
    return len(sent)
