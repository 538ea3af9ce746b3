"""Handing over an account manager's whole portfolio at a date, signed by both (CHEM-3.3).

Proposed by the account manager or the sales manager; an absent giver's signature is the sales manager's, with the
reason. Once both have signed it takes effect on its day: at the signature when the day has come, else by the
scheduler, or by either side's own word when the scheduler stands still. What is moved is every domain's to say
(`common.portfolios`); all of it moves in one transaction or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit, portfolios
from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.portfolios import Change, Held
from tierflow.common.users import User, holders
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM, Actor, Role, in_name_of, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Handover
from tierflow.onboarding.rules.handover import CLAUSE, Standing, refusals_to_propose, standing
from tierflow.onboarding.service import portfolio
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "handover"


@dataclass(frozen=True)
class HandoverRow:
    """A handover with its people, and where it stands."""

    handover: Handover
    giver: User
    taker: User
    standing: Standing


@dataclass(frozen=True)
class HandoverView:
    """One handover whole: what lies with the giver now, and what the reader can do."""

    row: HandoverRow
    proposed_by: User
    giver_signed_by: User | None
    proposed_for: str | None  # whom the proposer, and the signer for the giver, only stood in for
    giver_signed_for: str | None
    held: Sequence[Held]
    can_sign_giver: bool
    can_sign_for_giver: bool
    can_sign_taker: bool
    can_complete: bool
    can_end: bool


def _directs(session: Session, actor: Actor, giver_id: int) -> bool:
    """Whether the actor answers for all the giver's customers: general manager, or sales manager of all regions."""
    if actor.holds(Role.GENERAL_MANAGER):
        return True
    regions = _regions(session, giver_id)
    return bool(actor.scopes(Role.SALES_MANAGER)) and all(actor.holds(Role.SALES_MANAGER, one) for one in regions)


def _for_region(session: Session, actor: Actor, row: Handover) -> Actor:
    """Who directs a handover, in the name of the absent sales manager of one of its regions; a party as themselves."""
    if actor.user_id not in (row.giver_id, row.taker_id):
        for region_id in sorted(_regions(session, row.giver_id)):
            named = in_name_of(actor, "handover.write", region_id=region_id, manager_id=0)
            if named.acts_for is not None:
                return named
    return replace(actor, acts_for=None)


def _regions(session: Session, giver_id: int) -> set[int]:
    """The regions of the giver's customers and open applications."""
    regions = set(session.scalars(select(Customer.region_id).where(Customer.account_manager_id == giver_id).distinct()))
    regions |= {
        region
        for region in session.scalars(select(Application.region_id).where(*portfolio.open_applications(giver_id)))
        if region is not None
    }
    return regions


def _query() -> Any:
    giver, taker = aliased(User), aliased(User)
    return (
        select(Handover, giver, taker)
        .join(giver, giver.id == Handover.giver_id)
        .join(taker, taker.id == Handover.taker_id)
    )


def _mine(actor: Actor) -> Any:
    if actor.is_system or actor.holds(Role.GENERAL_MANAGER) or actor.scopes(Role.SALES_MANAGER):
        return Handover.id > 0  # who may have to take over for somebody sees that it is done
    ids = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return or_(Handover.giver_id.in_(ids), Handover.taker_id.in_(ids))


def _row(found: Any, on: date) -> HandoverRow:
    return HandoverRow(found[0], found[1], found[2], standing(found[0], on))


def list_handovers(
    session: Session, actor: Actor, now: datetime, *, cursor: str | None = None, size: int = 30
) -> Page[HandoverRow]:
    """The handovers the actor has part in, newest first; a sales manager and the general manager see all."""
    require(actor, "handover.read")
    page = page_of(session, _query().where(_mine(actor)), [Sort("id", Handover.id, True)], cursor=cursor, size=size)
    return Page([_row(found, local_day(now)) for found in page.rows], page.after, page.before, page.size)


def _get(session: Session, actor: Actor, handover_id: int, on: date) -> HandoverRow:
    require(actor, "handover.read")
    found = session.execute(_query().where(Handover.id == handover_id, _mine(actor))).one_or_none()
    if found is None:
        raise NotFound
    return _row(found, on)


def view(session: Session, actor: Actor, handover_id: int, now: datetime) -> HandoverView:
    """One handover whole. Raises `NotFound`."""
    on = local_day(now)
    row = _get(session, actor, handover_id, on)
    handover, open_ = row.handover, row.standing in (Standing.PROPOSED, Standing.SIGNED, Standing.DUE)
    directs = _directs(session, actor, handover.giver_id)
    is_giver, is_taker = actor.user_id == handover.giver_id, actor.user_id == handover.taker_id
    unsigned = open_ and handover.giver_signed_at is None
    subject = (SUBJECT, handover.id)
    return HandoverView(
        row=row,
        proposed_by=session.get_one(User, handover.proposed_by_id),
        giver_signed_by=session.get(User, handover.giver_signed_by_id) if handover.giver_signed_by_id else None,
        proposed_for=audit.in_whose_name(session, subject, "handover.propose", handover.proposed_at),
        giver_signed_for=audit.in_whose_name(
            session, (SUBJECT, handover.id), "handover.sign", handover.giver_signed_at
        ),
        held=portfolios.held_by(session, handover.giver_id, on) if open_ else [],
        can_sign_giver=unsigned and is_giver,
        can_sign_for_giver=unsigned and directs and not is_giver and actor.person_id != row.taker.person_id,
        can_sign_taker=open_ and handover.taker_signed_at is None and is_taker,
        can_complete=row.standing is Standing.DUE and (is_giver or is_taker or directs),
        can_end=open_ and (is_giver or is_taker or directs),
    )


def candidates(session: Session, now: datetime) -> tuple[list[User], list[User]]:
    """Who can give and who can take: the account managers of today, and as givers whoever still has a portfolio."""
    takers = list(holders(session, Role.ACCOUNT_MANAGER, local_day(now)))
    left = session.scalars(
        select(User)
        .where(
            User.id.in_(select(Customer.account_manager_id).union(portfolio.managers_of_open_applications())),
            User.id.not_in([user.id for user in takers]),
        )
        .order_by(User.id)
    )
    return [*takers, *left], takers


def propose(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> Handover:
    """Propose to hand everything of `giver_id` over to `taker_id` on `effective_on`, and why. Both are told."""
    require(actor, "handover.write")
    giver, taker = session.get(User, data["giver_id"]), session.get(User, data["taker_id"])
    missing = {"giver_id": giver, "taker_id": taker}
    if giver is None or taker is None:
        raise Invalid({key: [text("Choose one of the list.")] for key, user in missing.items() if user is None})
    if actor.user_id != giver.id and not _directs(session, actor, giver.id):
        raise Refused(
            Refusal(CLAUSE, text("Only the sales manager of all these customers proposes this for somebody else."))
        )
    on = local_day(now)
    day: date = data["effective_on"]
    refuse_if_any(
        [
            *refusals_to_propose(giver.person_id, taker.person_id, day, on),
            *portfolios.why_not_take(session, taker.id, max(day, on), is_enabled=taker.disabled_at is None),
            *portfolios.why_not_own(session, giver.id, taker.person_id),
        ]
    )
    handover = Handover(
        giver_id=giver.id,
        taker_id=taker.id,
        effective_on=day,
        reason=data["reason"],
        proposed_by_id=actor.user_id,
        proposed_at=now,
        moved={},
    )
    try:
        with session.begin_nested():
            session.add(handover)
    except IntegrityError as error:
        reason = text("A handover of this portfolio is under way already.")
        raise Conflict(Refusal("conflict", reason, "giver_id")) from error
    actor = _for_region(session, actor, handover)
    after = {"giver": giver.name, "taker": taker.name, "effective_on": day.isoformat()}
    audit.record(session, actor, "handover.propose", SUBJECT, handover.id, now, after=after, reason=data["reason"])
    message = text(
        "%(who)s proposes to hand the portfolio of %(giver)s over to %(taker)s on %(day)s; please sign.",
        who=actor.name,
        giver=giver.name,
        taker=taker.name,
        day=day.isoformat(),
    )
    _tell(session, handover, message, now, "proposed", besides=actor.user_id)
    return handover


def _locked(session: Session, actor: Actor, handover_id: int, now: datetime) -> HandoverRow:
    session.execute(select(Handover.id).where(Handover.id == handover_id).with_for_update())
    row = _get(session, actor, handover_id, local_day(now))
    session.refresh(row.handover)
    row = HandoverRow(row.handover, row.giver, row.taker, standing(row.handover, local_day(now)))
    if row.standing in (Standing.DONE, Standing.ENDED):
        raise Conflict(Refusal("conflict", text("This handover is done or was given up already.")))
    return row


def sign(session: Session, actor: Actor, handover_id: int, side: str, now: datetime, *, absence: str = "") -> Handover:
    """Sign as giver or taker. For an absent giver the sales manager signs and says why; the last one may complete."""
    require(actor, "handover.write")
    row = _locked(session, actor, handover_id, now)
    handover = row.handover
    actor = _for_region(session, actor, handover)
    if side == "giver":
        _sign_giver(session, actor, row, now, absence)
    else:
        if actor.user_id != handover.taker_id:
            raise Forbidden("handover.write")
        if handover.taker_signed_at is not None:
            raise Conflict(Refusal("conflict", text("This is signed already.")))
        handover.taker_signed_at = now
    session.flush()
    after = {"side": side}
    audit.record(session, actor, "handover.sign", SUBJECT, handover.id, now, after=after, reason=absence)
    if standing(handover, local_day(now)) is Standing.DUE:
        _complete(session, actor, row, now)
    return handover


def _sign_giver(session: Session, actor: Actor, row: HandoverRow, now: datetime, absence: str) -> None:
    handover = row.handover
    if handover.giver_signed_at is not None:
        raise Conflict(Refusal("conflict", text("This is signed already.")))
    if actor.user_id != handover.giver_id:
        if actor.person_id == row.taker.person_id or not _directs(session, actor, handover.giver_id):
            raise Forbidden("handover.write")
        if not absence:
            raise Invalid({"absence": [text("Say why the giver does not sign.")]})
        handover.absence = absence
    handover.giver_signed_at, handover.giver_signed_by_id = now, actor.user_id


def complete(session: Session, actor: Actor, handover_id: int, now: datetime) -> Handover:
    """Bring a signed handover about whose day has come: when the scheduler has not."""
    require(actor, "handover.write")
    row = _locked(session, actor, handover_id, now)
    if actor.user_id not in (row.giver.id, row.taker.id) and not _directs(session, actor, row.giver.id):
        raise Forbidden("handover.write")
    if row.standing is not Standing.DUE:
        raise Refused(Refusal(CLAUSE, text("Both must have signed, and the day must have come.")))
    _complete(session, _for_region(session, actor, row.handover), row, now)
    return row.handover


def due(session: Session, now: datetime) -> Sequence[int]:
    """Handovers both have signed and whose day has come."""
    return session.scalars(
        select(Handover.id)
        .where(
            Handover.done_at.is_(None),
            Handover.ended_at.is_(None),
            Handover.giver_signed_at.is_not(None),
            Handover.taker_signed_at.is_not(None),
            Handover.effective_on <= local_day(now),
        )
        .order_by(Handover.id)
    ).all()


def complete_due(session: Session, handover_id: int, now: datetime) -> bool:
    """The scheduler's way: brings it about, or tells the sales manager why it cannot be. Returns whether it is done."""
    row = _locked(session, SYSTEM, handover_id, now)
    refusals = _why_not(session, row, local_day(now))
    if not refusals:
        _complete(session, SYSTEM, row, now)
        return True
    message = text(
        "The portfolio of %(giver)s cannot be handed over to %(taker)s: %(why)s",
        giver=row.giver.name,
        taker=row.taker.name,
        why=refusals[0].reason,
    )
    managers = [user.id for user in holders(session, Role.SALES_MANAGER, local_day(now))]
    key = f"handover.{row.handover.id}.stuck"
    notify(session, managers, "handover", message, (SUBJECT, row.handover.id), now, dedupe_key=key)
    return False


def _why_not(session: Session, row: HandoverRow, on: date) -> list[Refusal]:
    return [
        *portfolios.why_not_take(session, row.taker.id, on, is_enabled=row.taker.disabled_at is None),
        *portfolios.why_not_own(session, row.giver.id, row.taker.person_id),
    ]


def _complete(session: Session, actor: Actor, row: HandoverRow, now: datetime) -> None:
    refuse_if_any(_why_not(session, row, local_day(now)))
    handover = row.handover
    handover.moved = portfolios.move_all(session, Change(row.giver.id, row.taker.id, actor, now))
    handover.done_at = now
    session.flush()
    audit.record(session, actor, "handover.complete", SUBJECT, handover.id, now, after={"moved": handover.moved})
    message = text("The portfolio of %(giver)s is %(taker)s's now.", giver=row.giver.name, taker=row.taker.name)
    _tell(session, handover, message, now, "done", besides=None)


def end(session: Session, actor: Actor, handover_id: int, reason: str, now: datetime) -> Handover:
    """Give a handover up, or refuse to sign it: nothing has been moved."""
    require(actor, "handover.write")
    row = _locked(session, actor, handover_id, now)
    handover = row.handover
    if actor.user_id not in (row.giver.id, row.taker.id) and not _directs(session, actor, row.giver.id):
        raise Forbidden("handover.write")
    actor = _for_region(session, actor, handover)
    handover.ended_at, handover.ended_by_id, handover.end_reason = now, actor.user_id, reason
    session.flush()
    audit.record(session, actor, "handover.end", SUBJECT, handover.id, now, reason=reason)
    message = text("%(who)s gave the handover up: %(reason)s", who=actor.name, reason=reason)
    _tell(session, handover, message, now, "ended", besides=actor.user_id)
    return handover


def _tell(session: Session, handover: Handover, message: Any, now: datetime, what: str, *, besides: int | None) -> None:
    people = {handover.giver_id, handover.taker_id, handover.proposed_by_id} - {besides}
    key = f"handover.{handover.id}.{what}"
    notify(session, sorted(p for p in people if p), "handover", message, (SUBJECT, handover.id), now, dedupe_key=key)


def waiting(actor: Actor) -> tuple[Any, ...]:
    """Conditions: the handovers that wait for the actor's own signature."""
    mine = or_(
        (Handover.giver_id == actor.user_id) & Handover.giver_signed_at.is_(None),
        (Handover.taker_id == actor.user_id) & Handover.taker_signed_at.is_(None),
    )
    return (Handover.done_at.is_(None), Handover.ended_at.is_(None), mine)
