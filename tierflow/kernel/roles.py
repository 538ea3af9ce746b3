"""Who may do what: the one permission table, and the person who acts.

Default deny: an action that is not in the table is refused to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property

from tierflow.kernel.errors import Forbidden
from tierflow.kernel.text import mark


class Role(StrEnum):
    """The offices of the company. The value is what the database and the API say."""

    ACCOUNT_MANAGER = "account_manager"
    SALES_MANAGER = "sales_manager"
    FINANCE_REVIEWER = "finance_reviewer"
    GENERAL_MANAGER = "general_manager"
    RESIDENT_OFFICE = "resident_office"
    WAREHOUSE_KEEPER = "warehouse_keeper"
    DISTRIBUTION_COMPANY = "distribution_company"
    COMMITTEE_MEMBER = "committee_member"
    ADMINISTRATOR = "administrator"


ROLE_LABELS = {
    Role.ACCOUNT_MANAGER: mark("account manager"),
    Role.SALES_MANAGER: mark("sales manager"),
    Role.FINANCE_REVIEWER: mark("finance reviewer"),
    Role.GENERAL_MANAGER: mark("general manager"),
    Role.RESIDENT_OFFICE: mark("resident factory office"),
    Role.WAREHOUSE_KEEPER: mark("warehouse keeper"),
    Role.DISTRIBUTION_COMPANY: mark("distribution company"),
    Role.COMMITTEE_MEMBER: mark("committee member"),
    Role.ADMINISTRATOR: mark("administrator"),
}

# What a grant of the role must name besides the user; roles not listed reach everywhere.
SCOPE_OF_ROLE = {
    Role.SALES_MANAGER: "region",
    Role.RESIDENT_OFFICE: "office",
    Role.WAREHOUSE_KEEPER: "warehouse",
}

# The right to hand out rights is never lent.
NEVER_DELEGATED = frozenset({Role.ADMINISTRATOR})


@dataclass(frozen=True)
class Grant:
    """A role, and the region, office or warehouse it is held for (`None`: everywhere)."""

    role: Role
    scope_id: int | None = None


@dataclass(frozen=True)
class Principal:
    """Somebody whose office the actor holds by a delegation in force today."""

    user_id: int
    person_id: int
    name: str
    grants: frozenset[Grant]
    delegation_id: int


@dataclass(frozen=True)
class Actor:
    """Who acts. `person_id` is the human being: two accounts of one person are one person.

    `token_scopes` is `None` for a signed-in browser; for an API token it holds what the token was issued for
    (`customer:read`, `application:write`, `*:read` …).
    """

    user_id: int
    person_id: int
    name: str
    grants: frozenset[Grant] = frozenset()
    principals: tuple[Principal, ...] = ()
    token_scopes: frozenset[str] | None = None
    is_system: bool = False
    on: date | None = None  # the day whose roles these are
    acts_for: int | None = None  # the account in whose name the present act is done; the audit names both

    @cached_property
    def roles(self) -> frozenset[Role]:
        """Every role the actor holds today, own or by delegation."""
        return frozenset(grant.role for grant in self.all_grants())

    def all_grants(self) -> Iterator[Grant]:
        """Own grants, then those of the principals."""
        yield from self.grants
        for principal in self.principals:
            yield from principal.grants

    def holds(self, role: Role, scope_id: int | None = None) -> bool:
        """Whether the actor holds the role for that scope, own or by delegation."""
        return any(covers(grant, role, scope_id) for grant in self.all_grants())

    def capacities_for(self, role: Role, scope_id: int | None = None) -> list[Principal | Actor]:
        """In whose names the actor can use a role: the own one first, then each principal's."""
        bearers: list[Principal | Actor] = [self, *self.principals]
        return [one for one in bearers if any(covers(grant, role, scope_id) for grant in one.grants)]

    def scopes(self, role: Role) -> frozenset[int | None]:
        """The regions, offices or warehouses the role is held for."""
        return frozenset(grant.scope_id for grant in self.all_grants() if grant.role is role)

    def user_ids_as(self, role: Role) -> frozenset[int]:
        """The accounts under which the actor may look at things as this role: own and the principals'."""
        ids = {principal.user_id for principal in self.principals if any(g.role is role for g in principal.grants)}
        if any(grant.role is role for grant in self.grants):
            ids.add(self.user_id)
        return frozenset(ids)

    def limited_to(self, scopes: frozenset[str]) -> Actor:
        """The same person behind an API token of these scopes."""
        return replace(self, token_scopes=scopes)


def covers(grant: Grant, role: Role, scope_id: int | None) -> bool:
    """Whether a grant serves for a role in a scope; a grant without scope serves everywhere."""
    return grant.role is role and (grant.scope_id is None or scope_id is None or grant.scope_id == scope_id)


@dataclass(frozen=True)
class Permission:
    """One row of the table. `roles` is `None` for whoever is signed in."""

    action: str
    writes: bool
    roles: frozenset[Role] | None


_R = Role
_SALES = frozenset({_R.ACCOUNT_MANAGER, _R.SALES_MANAGER})
_APPROVERS = frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER, _R.GENERAL_MANAGER})
_LOOKERS = frozenset({_R.DISTRIBUTION_COMPANY, _R.COMMITTEE_MEMBER})
_READ, _WRITE = False, True

_ROWS: tuple[tuple[str, bool, frozenset[Role] | None], ...] = (
    # what everybody has
    ("self.read", _READ, None),
    ("self.write", _WRITE, None),
    ("inbox.read", _READ, None),
    ("inbox.write", _WRITE, None),
    ("opinion.answer", _WRITE, None),
    ("policy.read", _READ, None),
    ("calendar.read", _READ, None),
    ("delegation.own", _WRITE, None),
    # account opening, CHEM-7
    ("application.read", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("application.write", _WRITE, frozenset({_R.ACCOUNT_MANAGER})),
    ("application.decide", _WRITE, _APPROVERS),
    ("application.ask", _WRITE, _SALES | _APPROVERS),
    ("application.export", _WRITE, _SALES | _APPROVERS | _LOOKERS),
    # customers
    ("customer.read", _READ, _SALES | _APPROVERS | _LOOKERS | {_R.RESIDENT_OFFICE}),
    ("customer.export", _WRITE, _SALES | _APPROVERS | _LOOKERS),
    ("filter.write", _WRITE, None),
    # the customer file: papers and changes are handed in by the account manager, examined by those who examined them
    # first (CHEM-8.1, CHEM-15)
    ("paper.renew", _WRITE, frozenset({_R.ACCOUNT_MANAGER})),
    ("paper.examine", _WRITE, frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER})),
    ("change.write", _WRITE, frozenset({_R.ACCOUNT_MANAGER})),
    ("change.examine", _WRITE, frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER})),
    # leaving, filing, inspection (CHEM-8.2, CHEM-17)
    ("disqualification.read", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("disqualification.write", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("disqualification.decide", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    ("distribution.read", _READ, _SALES | _APPROVERS | {_R.RESIDENT_OFFICE}),
    ("distribution.write", _WRITE, frozenset({_R.FINANCE_REVIEWER, _R.RESIDENT_OFFICE})),
    ("filing.export", _WRITE, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER, _R.DISTRIBUTION_COMPANY})),
    ("inspection.read", _READ, _SALES | {_R.GENERAL_MANAGER, _R.DISTRIBUTION_COMPANY}),
    ("inspection.write", _WRITE, frozenset({_R.SALES_MANAGER, _R.DISTRIBUTION_COMPANY})),
    ("finding.write", _WRITE, frozenset({_R.ACCOUNT_MANAGER})),
    # complaints and inquiries, CHEM-12 and CHEM-4; a department is asked through its people, whatever their office
    ("complaint.read", _READ, _SALES | _APPROVERS | _LOOKERS | {_R.RESIDENT_OFFICE}),
    ("complaint.write", _WRITE, _SALES),
    ("complaint.direct", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("complaint.decide", _WRITE, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER})),
    ("complaint.meeting", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    ("complaint.digest", _READ, frozenset({_R.GENERAL_MANAGER})),
    ("consultation.read", _READ, None),
    ("consultation.write", _WRITE, None),
    ("measure.read", _READ, None),
    ("measure.write", _WRITE, None),
    ("inquiry.read", _READ, _SALES | {_R.GENERAL_MANAGER}),
    ("inquiry.write", _WRITE, _SALES),
    # taking over existing customers, handing over portfolios, contracts: CHEM-3.3 and CHEM-4
    ("takeover.read", _READ, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER})),
    ("takeover.write", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("takeover.decide", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    ("handover.read", _READ, _SALES | {_R.GENERAL_MANAGER}),
    ("handover.write", _WRITE, _SALES | {_R.GENERAL_MANAGER}),  # whose customers lie in several regions
    ("contract.read", _READ, _SALES | _APPROVERS | {_R.COMMITTEE_MEMBER}),
    ("contract.write", _WRITE, _SALES),
    ("contract.export", _WRITE, _SALES | _APPROVERS),
    # lifting, CHEM-2 and CHEM-5: sales orders and releases, finance confirms money, the gate weighs
    ("order.read", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("order.write", _WRITE, _SALES),
    ("order.release", _WRITE, _SALES),
    ("order.pay", _WRITE, frozenset({_R.FINANCE_REVIEWER})),
    ("order.settle", _WRITE, frozenset({_R.FINANCE_REVIEWER})),
    ("order.let_out", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    ("order.export", _WRITE, _SALES | _APPROVERS | _LOOKERS),
    ("gate.read", _READ, frozenset({_R.WAREHOUSE_KEEPER})),
    ("gate.write", _WRITE, frozenset({_R.WAREHOUSE_KEEPER})),
    ("bank.read", _READ, frozenset({_R.FINANCE_REVIEWER})),
    ("bank.write", _WRITE, frozenset({_R.FINANCE_REVIEWER})),
    ("offtake.read", _READ, frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER})),
    ("offtake.write", _WRITE, frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER})),
    ("offtake.reverse", _WRITE, frozenset({_R.SALES_MANAGER, _R.FINANCE_REVIEWER})),
    # levels, reviews and the policy's versions, CHEM-9, CHEM-16, CMTE-2.1
    ("grading.preview", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("grading.read", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("grading.export", _WRITE, _SALES | _APPROVERS | _LOOKERS),
    ("grading.key", _WRITE, _SALES),
    ("grading.run", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("grading.confirm", _WRITE, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER})),
    ("grading.pin", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("grading.decide", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    ("review.read", _READ, _SALES | _APPROVERS | _LOOKERS),
    ("review.export", _WRITE, _SALES | _APPROVERS | _LOOKERS),
    ("review.confirm", _WRITE, frozenset({_R.SALES_MANAGER})),
    ("draft.read", _READ, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER, _R.COMMITTEE_MEMBER})),
    ("draft.write", _WRITE, frozenset({_R.SALES_MANAGER})),  # every version is drafted by sales (CHEM-4)
    ("draft.try", _WRITE, frozenset({_R.SALES_MANAGER, _R.GENERAL_MANAGER})),
    ("draft.adopt", _WRITE, frozenset({_R.GENERAL_MANAGER})),
    # administration: settings and logs, never customer data
    ("people.read", _READ, frozenset({_R.ADMINISTRATOR})),
    ("people.write", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("grant.decide", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("delegation.any", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("reference.read", _READ, frozenset({_R.ADMINISTRATOR})),
    ("reference.write", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("calendar.write", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("channel.read", _READ, frozenset({_R.ADMINISTRATOR})),
    ("channel.write", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("log.read", _READ, frozenset({_R.ADMINISTRATOR})),
    ("log.export", _WRITE, frozenset({_R.ADMINISTRATOR})),
    ("job.read", _READ, frozenset({_R.ADMINISTRATOR})),
    ("job.write", _WRITE, frozenset({_R.ADMINISTRATOR})),
)

PERMISSIONS: dict[str, Permission] = {action: Permission(action, writes, roles) for action, writes, roles in _ROWS}


def is_allowed(actor: Actor, action: str) -> bool:
    """Whether the table lets this actor take this action (row scope is the query's business)."""
    permission = PERMISSIONS.get(action)
    if permission is None:
        return False
    if actor.token_scopes is not None and not _token_covers(actor.token_scopes, permission):
        return False
    if actor.is_system:
        return True
    return permission.roles is None or bool(permission.roles & actor.roles)


def require(actor: Actor, action: str) -> None:
    """First line of every service. Raises `Forbidden`."""
    if not is_allowed(actor, action):
        raise Forbidden(action)


def in_name_of(actor: Actor, action: str, *, region_id: int | None = None, manager_id: int | None = None) -> Actor:
    """The actor, `acts_for` the principal whose office alone lets them take this action; None when their own does.

    `region_id` and `manager_id` are those of the matter where they are known: a sales manager's office serves in
    the own region, an account manager's for the own customers.
    """
    roles = PERMISSIONS[action].roles if action in PERMISSIONS else None
    if roles is None or actor.is_system:
        return replace(actor, acts_for=None)

    def serves(bearer: Principal | Actor, grant: Grant) -> bool:
        if grant.role not in roles:
            return False
        if grant.role is Role.ACCOUNT_MANAGER:
            return manager_id in (None, bearer.user_id)
        return grant.role is not Role.SALES_MANAGER or covers(grant, grant.role, region_id)

    if any(serves(actor, grant) for grant in actor.grants):
        return replace(actor, acts_for=None)
    lenders = (one.user_id for one in actor.principals if any(serves(one, grant) for grant in one.grants))
    return replace(actor, acts_for=next(lenders, None))


def in_office_of(actor: Actor, role: Role, scope_id: int | None = None) -> Actor:
    """The actor, `acts_for` the principal whose office alone lets them act; None when an own one does.

    For what is laid upon one role and, where it has one, its office or warehouse: another office of the actor's own
    does not serve, though the table may let it take the same action.
    """
    bearers = actor.capacities_for(role, scope_id)
    lender = bearers[0] if bearers else None
    return replace(actor, acts_for=lender.user_id if isinstance(lender, Principal) else None)


def for_owner(actor: Actor, owner_id: int) -> Actor:
    """The actor, `acts_for` the absent colleague a matter is laid upon by name; nobody when it is their own."""
    if owner_id == actor.user_id:
        return replace(actor, acts_for=None)
    return replace(actor, acts_for=owner_id) if any(one.user_id == owner_id for one in actor.principals) else actor


def _scope_of(permission: Permission) -> str:
    return f"{permission.action.partition('.')[0]}:{'write' if permission.writes else 'read'}"


# Tokens never reach what guards them: passwords, factors, other tokens.
TOKEN_SCOPES = tuple(
    sorted({_scope_of(p) for p in PERMISSIONS.values()} - {"self:write", "people:write", "grant:write"} | {"*:read"})
)


def _token_covers(scopes: frozenset[str], permission: Permission) -> bool:
    wanted = _scope_of(permission)
    return wanted in TOKEN_SCOPES and (wanted in scopes or (not permission.writes and "*:read" in scopes))


SYSTEM = Actor(user_id=0, person_id=0, name="tierflow", is_system=True)
