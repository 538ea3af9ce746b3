"""Upload links: one paper, from the customer's phone, once (CHEM-15). Whoever has the link needs no account.

The secret is shown to its maker once and kept as a hash. What arrives is handed in in the maker's name, marked with
the link, and examined like any paper.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.customers import Customer, get_visible, in_name_of
from tierflow.common.policies import policy_on
from tierflow.common.sessions import LoginAttempt, failures_since, hash_secret
from tierflow.common.uploads import Upload
from tierflow.common.users import User, actor_of
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Throttled
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import DATED
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import PaperRenewal, UploadLink
from tierflow.onboarding.service import examining, renewing
from tierflow.onboarding.service.creating import CUSTOMER

LONGEST_DAYS = 14


def make(
    session: Session, actor: Actor, customer_id: int, kind: str, now: datetime, *, is_proof: bool, days: int
) -> tuple[UploadLink, str]:
    """A link for one paper, good for so many days; its secret is told here and nowhere else."""
    require(actor, "paper.renew")
    customer = get_visible(session, actor, customer_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("paper.renew")
    actor = in_name_of(actor, "paper.renew", customer)
    examining.in_business(customer)
    if kind not in DATED:
        raise Invalid({"kind": [text("Choose one of the list.")]})
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid({"days": [text("Between %(least)s and %(most)s.", least=1, most=LONGEST_DAYS)]})
    secret = secrets.token_urlsafe(32)
    row = UploadLink(
        customer_id=customer.id,
        kind=kind,
        is_proof=is_proof,
        token_hash=hash_secret(secret),
        made_by_id=actor.user_id,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    after = {"link": row.id, "kind": kind, "is_proof": is_proof, "expires_at": row.expires_at.isoformat()}
    audit.record(session, actor, "upload_link.make", CUSTOMER, customer.id, now, after=after)
    return row, secret


def revoke(session: Session, actor: Actor, link_id: int, now: datetime) -> UploadLink:
    """Take a link back. Raises `Conflict` when it was used or taken back already."""
    require(actor, "paper.renew")
    row = session.get(UploadLink, link_id)
    if row is None:
        raise NotFound
    customer = get_visible(session, actor, row.customer_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("paper.renew")
    actor = in_name_of(actor, "paper.renew", customer)
    if not _take(session, row.id, now, revoked_at=now):
        raise Conflict(Refusal("conflict", text("This link is used, over or taken back already.")))
    session.refresh(row)
    audit.record(session, actor, "upload_link.revoke", CUSTOMER, customer.id, now, after={"link": row.id})
    return row


def open_links(session: Session, customer_id: int, now: datetime) -> Sequence[UploadLink]:
    """A customer's links that can be used still."""
    query = select(UploadLink).where(UploadLink.customer_id == customer_id, *_live(now)).order_by(UploadLink.id.desc())
    return session.scalars(query).all()


def find(session: Session, secret: str, now: datetime) -> tuple[UploadLink, Customer]:
    """The link of a secret and whose paper it is for; `NotFound` when it is used, over, taken back or unknown."""
    row = session.scalar(select(UploadLink).where(UploadLink.token_hash == hash_secret(secret), *_live(now)))
    if row is None or _maker(session, row, now) is None:
        raise NotFound
    return row, session.get_one(Customer, row.customer_id)


def throttle(session: Session, secret: str, address: str, now: datetime) -> None:
    """Raise `Throttled` after too many failed uploads by this link or from this address."""
    policy = policy_on(session, local_day(now))
    most = policy.integer("login.attempts")
    window = timedelta(minutes=policy.integer("login.window_minutes"))
    by_link, by_address = failures_since(session, _name(secret), address, now - window)
    if by_link >= most * 2 or by_address >= most * 10:  # a phone's camera needs a few tries
        raise Throttled(int(window.total_seconds()))


def note_failure(session: Session, secret: str, address: str, now: datetime) -> None:
    """Keep a failed upload, for the throttle."""
    session.add(LoginAttempt(login=_name(secret), address=address, at=now))


def use(session: Session, secret: str, data: Mapping[str, Any], upload: Upload, now: datetime) -> PaperRenewal:
    """Hand in the paper and use the link up, both or neither; of two at once one finds it used."""
    row, customer = find(session, secret, now)
    if not _take(session, row.id, now, used_at=now):
        raise NotFound
    maker = _maker(session, row, now)
    if maker is None:
        raise NotFound
    return renewing.renew(session, maker, customer.id, row.kind, data, upload, now, is_proof=row.is_proof, link=row)


def _live(now: datetime) -> tuple[Any, ...]:
    return (UploadLink.expires_at > now, UploadLink.used_at.is_(None), UploadLink.revoked_at.is_(None))


def _take(session: Session, link_id: int, now: datetime, **values: datetime) -> bool:
    query = update(UploadLink).where(UploadLink.id == link_id, *_live(now)).values(**values)
    taken = session.execute(query.returning(UploadLink.id), execution_options={"synchronize_session": False})
    return taken.scalar_one_or_none() is not None


def _maker(session: Session, row: UploadLink, now: datetime) -> Actor | None:
    """In whose name the paper is handed in, while that person still keeps the customer's file."""
    user = session.get_one(User, row.made_by_id)
    if user.disabled_at is not None:
        return None
    actor = actor_of(session, user, local_day(now))
    customer = session.get_one(Customer, row.customer_id)
    return actor if is_allowed(actor, "paper.renew") and examining.keeper(session, actor, customer) else None


def _name(secret: str) -> str:
    return f"upload-link/{hash_secret(secret)[:16]}"
