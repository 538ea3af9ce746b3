"""The policy values in force, for everybody to read (CHEM-18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.policies import PolicyVersion, catalogue, policy_on
from tierflow.kernel.policy import Policy, PolicyValue, Term
from tierflow.kernel.roles import Actor, require


@dataclass(frozen=True)
class Value:
    """One policy value with what it means."""

    term: Term
    value: PolicyValue


@dataclass(frozen=True)
class InForce:
    """The policy of a day, value by value, and every adopted version, newest first."""

    on: date
    policy: Policy
    values: tuple[Value, ...]
    versions: tuple[PolicyVersion, ...]


def in_force(session: Session, actor: Actor, on: date) -> InForce:
    """The version in force on a day, by clause and key. Two queries. Raises `NoPolicyInForce`."""
    require(actor, "policy.read")
    policy = policy_on(session, on)
    known = [Value(term, policy.values[key]) for key, term in catalogue().items() if key in policy.values]
    adopted = select(PolicyVersion).where(PolicyVersion.state == "adopted")
    versions = session.scalars(adopted.order_by(PolicyVersion.in_force_from.desc(), PolicyVersion.version.desc()))
    return InForce(on, policy, tuple(known), tuple(versions))
