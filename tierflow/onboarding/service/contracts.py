"""The contract register (CHEM-4): number, file, period, value, customer, who keeps the paper and where, renewal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import String, cast, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit, files, lookup, uploads
from tierflow.common.customers import Customer, get_visible, in_name_of, visible
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.runs import Warned
from tierflow.common.sql import shanghai_minute
from tierflow.common.users import RoleGrant, User, holders, live_grants, stand_ins
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Contract
from tierflow.onboarding.rules.contracts import days_left, refusals_to_enter, state_of
from tierflow.onboarding.service import examining
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "contract"
WARN_DAYS = "contracts.warn_days"
TOPIC = "contract"
OVER = "over"  # the stage of what ran out unwarned


@dataclass(frozen=True)
class ContractRow:
    """A contract with its customer and keeper, and where it stands today. `last_on`: the last day it holds."""

    contract: Contract
    customer: Customer
    custodian: User
    state: str
    days_left: int

    @property
    def last_on(self) -> date:
        """The last day it holds."""
        return self.contract.to_on - timedelta(days=1)


def _query(actor: Actor) -> Any:
    renewal = aliased(Contract)
    is_renewed = exists().where(renewal.renews_id == Contract.id, renewal.ended_at.is_(None))
    return (
        select(Contract, Customer, User, is_renewed)
        .join(Customer, Customer.id == Contract.customer_id)
        .join(User, User.id == Contract.custodian_id)
        .where(visible(actor))
    )


def _row(found: Any, on: date, warn_days: Sequence[int]) -> ContractRow:
    contract, customer, custodian, is_renewed = found
    state = state_of(
        contract.from_on,
        contract.to_on,
        on,
        is_ended=contract.ended_at is not None,
        is_renewed=bool(is_renewed),
        warn_days=warn_days,
    )
    return ContractRow(contract, customer, custodian, state, days_left(contract.to_on, on))


def _narrowed(query: Any, wanted: Mapping[str, Any], on: date, longest: int) -> Any:
    if customer_id := wanted.get("customer_id"):
        query = query.where(Contract.customer_id == customer_id)
    if custodian_id := wanted.get("custodian_id"):
        query = query.where(Contract.custodian_id == custodian_id)
    if (q := wanted.get("q")) and lookup.fold(q):
        found: Any = lookup.matching(SUBJECT, q)
        query = query.where(Contract.id.in_(found))
    renewal = aliased(Contract)
    renewed = exists().where(renewal.renews_id == Contract.id, renewal.ended_at.is_(None))
    live = Contract.ended_at.is_(None)
    soon = on + timedelta(days=longest + 1)
    conditions: dict[str, tuple[Any, ...]] = {
        "ended": (Contract.ended_at.is_not(None),),
        "renewed": (live, renewed),
        "over": (live, ~renewed, Contract.to_on <= on),
        "to_come": (live, ~renewed, Contract.from_on > on),
        "ending": (live, ~renewed, Contract.from_on <= on, Contract.to_on > on, Contract.to_on <= soon),
        "running": (live, ~renewed, Contract.from_on <= on, Contract.to_on > soon),
    }
    return query.where(*conditions.get(wanted.get("state") or "", ()))


def list_contracts(
    session: Session,
    actor: Actor,
    wanted: Mapping[str, Any],
    now: datetime,
    *,
    cursor: str | None = None,
    size: int = 30,
) -> Page[ContractRow]:
    """The contracts of customers the actor may see, soonest to end first; two queries."""
    require(actor, "contract.read")
    on = local_day(now)
    warn_days = policy_on(session, on).integers(WARN_DAYS)
    query = _narrowed(_query(actor), wanted, on, max(warn_days))
    sorts = [Sort("to_on", Contract.to_on), Sort("id", Contract.id)]
    page = page_of(session, query, sorts, cursor=cursor, size=size)
    return Page([_row(found, on, warn_days) for found in page.rows], page.after, page.before, page.size)


def of_customer(session: Session, actor: Actor, customer_id: int, now: datetime) -> list[ContractRow]:
    """A customer's contracts, the latest first."""
    require(actor, "contract.read")
    on = local_day(now)
    warn_days = policy_on(session, on).integers(WARN_DAYS)
    query = _query(actor).where(Contract.customer_id == customer_id).order_by(Contract.to_on.desc(), Contract.id.desc())
    return [_row(found, on, warn_days) for found in session.execute(query.limit(20))]


def get(session: Session, actor: Actor, contract_id: int, now: datetime) -> ContractRow:
    """One contract. Raises `NotFound` for what the actor may not see."""
    require(actor, "contract.read")
    found = session.execute(_query(actor).where(Contract.id == contract_id)).one_or_none()
    if found is None:
        raise NotFound
    on = local_day(now)
    return _row(found, on, policy_on(session, on).integers(WARN_DAYS))


def keepers(session: Session, now: datetime) -> list[User]:
    """Who can keep a contract's paper: enabled accounts that hold an office."""
    holding = select(RoleGrant.user_id).where(*live_grants(local_day(now)))  # type: ignore[arg-type]
    query = select(User).where(User.id.in_(holding), User.disabled_at.is_(None)).order_by(User.name, User.id)
    return list(session.scalars(query))


def _check_keeper(session: Session, user_id: int, now: datetime) -> None:
    if user_id not in {user.id for user in keepers(session, now)}:
        raise Invalid({"custodian_id": [text("Choose one of the list.")]})


def _customer_to_work(session: Session, actor: Actor, customer_id: int) -> Customer:
    """The customer, for its account manager or the sales manager of its region."""
    try:
        customer = get_visible(session, actor, customer_id)
    except NotFound:
        raise Invalid({"customer_id": [text("Choose one of the list.")]}) from None
    own = actor.user_ids_as(Role.ACCOUNT_MANAGER)
    if customer.account_manager_id not in own and not actor.holds(Role.SALES_MANAGER, customer.region_id):
        raise Forbidden("contract.write")
    return customer


def enter(session: Session, actor: Actor, data: Mapping[str, Any], upload: uploads.Upload, now: datetime) -> Contract:
    """Enter a signed contract with its scan. Raises `Invalid`, `Refused`."""
    require(actor, "contract.write")
    customer = _customer_to_work(session, actor, data["customer_id"])
    actor = in_name_of(actor, "contract.write", customer)
    examining.in_business(customer)
    _check_keeper(session, data["custodian_id"], now)
    to_on = data["last_on"] + timedelta(days=1)
    renewed = _renewed(session, actor, data.get("renews_id"), now)
    pair = (renewed.customer_id, renewed.to_on) if renewed is not None else None
    refuse_if_any(refusals_to_enter(data["from_on"], to_on, pair, customer.id))
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    stored = files.store(
        session, examined.content, examined.name, examined.kind, (SUBJECT, customer.id), actor.user_id, now
    )
    contract = Contract(
        number=data["number"],
        customer_id=customer.id,
        title=data["title"],
        from_on=data["from_on"],
        to_on=to_on,
        value=data.get("value"),
        custodian_id=data["custodian_id"],
        place=data["place"],
        note=data.get("note") or "",
        file_id=stored.id,
        renews_id=renewed.id if renewed is not None else None,
        entered_by_id=actor.user_id,
        entered_at=now,
    )
    try:
        with session.begin_nested():
            session.add(contract)
    except IntegrityError as error:
        taken = session.scalar(select(Contract.id).where(Contract.number == data["number"])) is not None
        field, reason = (
            ("number", text("A contract of this number is in the register already."))
            if taken
            else ("renews_id", text("This contract was renewed already."))
        )
        raise Invalid({field: [reason]}) from error
    lookup.index(session, (SUBJECT, contract.id), [customer.name, contract.title], [contract.number, customer.number])
    after = {
        "number": contract.number,
        "title": contract.title,
        "last_on": data["last_on"].isoformat(),
        "value": contract.value,
    }
    audit.record(session, actor, "contract.enter", "customer", customer.id, now, after=after)
    session.flush()
    return contract


def _renewed(session: Session, actor: Actor, contract_id: int | None, now: datetime) -> Contract | None:
    if contract_id is None:
        return None
    try:
        return get(session, actor, contract_id, now).contract
    except NotFound:
        raise Invalid({"renews_id": [text("Choose one of the list.")]}) from None


def change_custody(
    session: Session, actor: Actor, contract_id: int, data: Mapping[str, Any], now: datetime
) -> Contract:
    """Say who keeps the paper now, and where. Raises `Conflict` when somebody was faster."""
    require(actor, "contract.write")
    row = get(session, actor, contract_id, now)
    actor = in_name_of(actor, "contract.write", _customer_to_work(session, actor, row.customer.id))
    _check_keeper(session, data["custodian_id"], now)
    before = {"custodian": row.custodian.name, "place": row.contract.place}
    moved = session.execute(
        update(Contract)
        .where(Contract.id == contract_id, Contract.version == data["seen_version"], Contract.ended_at.is_(None))
        .values(custodian_id=data["custodian_id"], place=data["place"], version=Contract.version + 1)
        .returning(Contract.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if moved is None:
        raise Conflict(Refusal("conflict", text("This contract was changed meanwhile; reload the page.")))
    session.refresh(row.contract)
    after = {"custodian": session.get_one(User, data["custodian_id"]).name, "place": data["place"]}
    old, new = audit.changes(before, after)
    audit.record(session, actor, "contract.change", "customer", row.customer.id, now, before=old, after=new)
    return row.contract


def end(session: Session, actor: Actor, contract_id: int, reason: str, now: datetime) -> Contract:
    """End a contract before its day. Once."""
    require(actor, "contract.write")
    row = get(session, actor, contract_id, now)
    actor = in_name_of(actor, "contract.write", _customer_to_work(session, actor, row.customer.id))
    session.refresh(row.contract, with_for_update=True)
    if row.contract.ended_at is not None or row.contract.to_on <= local_day(now):
        raise Conflict(Refusal("conflict", text("This contract has ended already.")))
    row.contract.ended_at, row.contract.end_reason = now, reason
    row.contract.version += 1
    after = {"number": row.contract.number}
    audit.record(session, actor, "contract.end", "customer", row.customer.id, now, after=after, reason=reason)
    session.flush()
    return row.contract


def file_of(session: Session, actor: Actor, contract_id: int, now: datetime) -> files.StoredFile:
    """The scan of a contract, for who may see the contract."""
    return session.get_one(files.StoredFile, get(session, actor, contract_id, now).contract.file_id)


# Warnings of contracts near their end, asked as a state: late, twice or after an outage does no harm.


def near_their_end(session: Session, now: datetime) -> list[str]:
    """Contracts to warn of now, as "contract.stage", nearest stage first; ended and renewed ones ask for nothing.

    One that ran out without the nearest warning, because the duty stood still, is warned of as over; what was over
    when it was entered, the past of the register, is not.
    """
    on = local_day(now)
    distances = sorted(policy_on(session, on).integers(WARN_DAYS))
    renewal = aliased(Contract)
    renewed = exists().where(renewal.renews_id == Contract.id, renewal.ended_at.is_(None))
    asking = (
        select(Contract.id)
        .join(Customer, Customer.id == Contract.customer_id)
        .where(Contract.ended_at.is_(None), ~renewed)
        .where(Customer.disqualified_on.is_(None))  # nothing is renewed with them (CHEM-17)
        .order_by(Contract.to_on, Contract.id)
    )
    over = asking.where(
        Contract.to_on <= on,
        shanghai_minute(Contract.entered_at) < cast(Contract.to_on, String),
        ~_warned(OVER, str(distances[0])),
    )
    found, first = [f"{contract_id}.{OVER}" for contract_id in session.scalars(over)], on
    for distance in distances:
        beyond = on + timedelta(days=distance + 1)
        query = asking.where(Contract.to_on > first, Contract.to_on <= beyond, ~_warned(str(distance)))
        found += [f"{contract_id}.{distance}" for contract_id in session.scalars(query)]
        first = beyond
    return found


def _warned(*stages: str) -> Any:
    return exists().where(
        Warned.topic == TOPIC,
        Warned.subject_id == Contract.id,
        Warned.day == Contract.to_on,
        Warned.stage.in_(stages),
    )


def warn(session: Session, item: str, now: datetime) -> int:
    """Warn of one contract: its customer's account manager and its keeper, or their sales managers; and stand-ins."""
    contract_id, stage = item.split(".")
    on = local_day(now)
    contract = session.get_one(Contract, int(contract_id))
    customer = session.get_one(Customer, contract.customer_id)
    managers = {user.id for user in holders(session, Role.ACCOUNT_MANAGER, on)}
    people = {customer.account_manager_id} & managers
    keeper = session.get_one(User, contract.custodian_id)
    if keeper.disabled_at is None:
        people.add(keeper.id)
    if not people & managers or stage in (OVER, str(min(policy_on(session, on).integers(WARN_DAYS)))):
        people |= {user.id for user in holders(session, Role.SALES_MANAGER, on, customer.region_id)}
    people.update(*stand_ins(session, people, on).values())
    told: dict[str, str] = {
        "number": contract.number,
        "customer": customer.name,
        "day": (contract.to_on - timedelta(days=1)).isoformat(),
    }
    if stage == OVER:
        message = text("The contract %(number)s with %(customer)s ran out on %(day)s and is not renewed.", **told)
    else:
        message = text(
            "The contract %(number)s with %(customer)s ends on %(day)s (days left: %(days)s); renew it or let it end.",
            days=days_left(contract.to_on, on),
            **told,
        )
    key = f"contract.{contract.id}.{contract.to_on}.{stage}"
    subject = (SUBJECT, contract.id)
    sent = notify(session, sorted(people), "contract.expiry", message, subject, now, dedupe_key=key)
    session.add(Warned(topic=TOPIC, subject_id=contract.id, day=contract.to_on, stage=stage, at=now))
    return len(sent)
