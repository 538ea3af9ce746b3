"""Papers near their end: a warning at each of policy's distances, and on the day they have expired (CHEM-15).

Asked is a state: within so many days of its last day and not warned of for that distance. After an outage a paper
that has passed several distances is warned of once, for the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.runs import Warned
from tierflow.common.suspension import EXPIRY_NOTICE, WARNED_TOPIC, PaperCover
from tierflow.common.users import holders, stand_ins
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import label
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text

EXPIRED = "expired"


def near_their_end(session: Session, errand: Errand) -> Sequence[str]:
    """The papers to warn of now, as "paper.stage", those that have expired first. The newest of its kind counts."""
    today = local_day(errand.now)
    distances = sorted(policy_on(session, today).integers("papers.warn_days"))
    found = []
    for stage, first, last in stages(distances, today):
        warned = exists().where(
            Warned.topic == WARNED_TOPIC,
            Warned.subject_id == PaperCover.id,
            Warned.day == PaperCover.valid_to,
            Warned.stage == stage,
        )
        query = (
            select(PaperCover.id)
            .join(Customer, Customer.id == PaperCover.customer_id)
            .where(PaperCover.superseded_at.is_(None), PaperCover.valid_to <= last, ~warned)
            .where(Customer.disqualified_on.is_(None))  # nobody waits for their papers (CHEM-17)
            .order_by(PaperCover.valid_to, PaperCover.id)
        )
        if first is not None:
            query = query.where(PaperCover.valid_to >= first)
        found += [f"{cover_id}.{stage}" for cover_id in session.scalars(query)]
    return found


def stages(distances: Sequence[int], today: date) -> list[tuple[str, date | None, date]]:
    """(stage, first and last day of validity it is for), nearest first; `distances` in days, ascending.

    A paper is good on its last day; from the day after it has expired.
    """
    found: list[tuple[str, date | None, date]] = [(EXPIRED, None, today - timedelta(days=1))]
    first = today
    for distance in distances:
        last = today + timedelta(days=distance)
        found.append((str(distance), first, last))
        first = last + timedelta(days=1)
    return found


def warn(session: Session, errand: Errand) -> Result:
    """Warn of one paper: the account manager and the sales office, and whoever stands in for them (CHEM-15)."""
    cover_id, stage = errand.item.split(".")
    today = local_day(errand.now)
    paper = session.scalars(select(PaperCover).where(PaperCover.id == int(cover_id)).with_for_update()).one()
    if paper.valid_to is None or paper.superseded_at is not None:  # renewed since it was looked for
        return {"notices": 0}
    customer = session.get_one(Customer, paper.customer_id)
    ids = _whom(session, customer, today)
    told: dict[str, str] = {"customer": customer.name, "day": paper.valid_to.isoformat()}
    if stage == EXPIRED:
        message = text(
            "The %(paper)s of %(customer)s expired on %(day)s. Business with them is suspended until a valid one is "
            "on file.",
            paper=label(paper.kind),
            **told,
        )
    else:
        days = (paper.valid_to - today).days
        message = text(
            "The %(paper)s of %(customer)s is valid until %(day)s (days left: %(days)s).",
            paper=label(paper.kind),
            days=days,
            **told,
        )
    key = f"paper.{paper.id}.{paper.valid_to}.{stage}"
    sent = notify(session, ids, EXPIRY_NOTICE, message, ("customer", customer.id), errand.now, dedupe_key=key)
    session.add(Warned(topic=WARNED_TOPIC, subject_id=paper.id, day=paper.valid_to, stage=stage, at=errand.now))
    return {"notices": len(sent)}


def _whom(session: Session, customer: Customer, today: date) -> list[int]:
    """Who is told: never only somebody who has left."""
    in_charge = {user.id for user in holders(session, Role.ACCOUNT_MANAGER, today)} & {customer.account_manager_id}
    ids = in_charge | {user.id for user in holders(session, Role.SALES_MANAGER, today, customer.region_id)}
    if not ids:
        ids |= {user.id for user in holders(session, Role.GENERAL_MANAGER, today)}
    ids.update(*stand_ins(session, ids, today).values())
    return sorted(ids)
