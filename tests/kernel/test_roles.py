"""The permission table and the actor: default deny, scopes, stand-ins, tokens."""

from __future__ import annotations

import pytest

from tierflow.kernel.errors import Forbidden
from tierflow.kernel.roles import (
    NEVER_DELEGATED,
    PERMISSIONS,
    ROLE_LABELS,
    SCOPE_OF_ROLE,
    SYSTEM,
    TOKEN_SCOPES,
    Actor,
    Grant,
    Principal,
    Role,
    covers,
    in_name_of,
    is_allowed,
    require,
)


def actor(*roles: Role, principals: tuple[Principal, ...] = (), scopes: frozenset[str] | None = None) -> Actor:
    return Actor(1, 1, "李明", frozenset(Grant(role) for role in roles), principals, scopes)


def stood_for(*grants: Grant, user_id: int = 9) -> Principal:
    return Principal(user_id, user_id, "王芳", frozenset(grants), 1)


def test_what_is_not_in_the_table_is_refused_to_everybody() -> None:
    for who in (actor(*Role), SYSTEM, actor(*Role, scopes=frozenset({"*:read"}))):
        assert not is_allowed(who, "customer.destroy")
        with pytest.raises(Forbidden):
            require(who, "customer.destroy")


@pytest.mark.parametrize("action", sorted(PERMISSIONS))
def test_exactly_the_roles_of_the_row_may(action: str) -> None:
    row = PERMISSIONS[action]
    for role in Role:
        assert is_allowed(actor(role), action) is (row.roles is None or role in row.roles)
    assert is_allowed(actor(), action) is (row.roles is None)
    assert is_allowed(SYSTEM, action)


def test_administrators_see_settings_and_logs_and_no_customer_data() -> None:
    customers = [action for action in PERMISSIONS if action.startswith(("customer", "application"))]
    assert customers
    assert not any(is_allowed(actor(Role.ADMINISTRATOR), action) for action in customers)


# What those who only look at customers do all the same: receipts (CHEM-8.2), inspections (CHEM-8.2), the gate (CHEM-2).
OWN_WORK = {
    Role.COMMITTEE_MEMBER: set(),
    Role.DISTRIBUTION_COMPANY: {"inspection.write"},
    Role.RESIDENT_OFFICE: {"distribution.write"},
    Role.WAREHOUSE_KEEPER: {"gate.write"},
}


@pytest.mark.parametrize("role", OWN_WORK)
def test_whoever_only_looks_writes_nothing_of_the_business_but_their_own_work(role: Role) -> None:
    business = [p for p in PERMISSIONS.values() if p.writes and p.roles is not None and role in p.roles]
    assert {p.action for p in business if not p.action.endswith(".export")} == OWN_WORK[role]


@pytest.mark.parametrize(
    ("grant", "role", "scope", "serves"),
    [
        (Grant(Role.SALES_MANAGER, 1), Role.SALES_MANAGER, 1, True),
        (Grant(Role.SALES_MANAGER, 1), Role.SALES_MANAGER, 2, False),
        (Grant(Role.SALES_MANAGER, 1), Role.SALES_MANAGER, None, True),
        (Grant(Role.GENERAL_MANAGER), Role.GENERAL_MANAGER, 2, True),
        (Grant(Role.GENERAL_MANAGER), Role.FINANCE_REVIEWER, None, False),
    ],
)
def test_a_grant_serves_its_role_in_its_scope(grant: Grant, role: Role, scope: int | None, serves: bool) -> None:
    assert covers(grant, role, scope) is serves
    assert Actor(1, 1, "x", frozenset({grant})).holds(role, scope) is serves


def test_a_stand_in_has_the_principals_offices_after_the_own_ones() -> None:
    east, west = stood_for(Grant(Role.SALES_MANAGER, 1)), stood_for(Grant(Role.SALES_MANAGER, 2), user_id=8)
    who = Actor(1, 1, "x", frozenset({Grant(Role.SALES_MANAGER, 1)}), (east, west))
    assert who.capacities_for(Role.SALES_MANAGER, 1) == [who, east]
    assert who.capacities_for(Role.SALES_MANAGER, 2) == [west]
    assert who.capacities_for(Role.GENERAL_MANAGER) == []
    assert who.scopes(Role.SALES_MANAGER) == {1, 2}
    assert who.user_ids_as(Role.SALES_MANAGER) == {1, 8, 9}
    assert actor(principals=(east,)).user_ids_as(Role.SALES_MANAGER) == {9}
    assert actor(principals=(east,)).roles == {Role.SALES_MANAGER}


def test_the_right_to_hand_out_rights_is_never_lent() -> None:
    assert frozenset({Role.ADMINISTRATOR}) == NEVER_DELEGATED


@pytest.mark.parametrize(
    ("scopes", "action", "reaches"),
    [
        (set(), "inbox.read", False),
        ({"inbox:read"}, "inbox.read", True),
        ({"inbox:read"}, "inbox.write", False),
        ({"inbox:write"}, "inbox.read", False),
        ({"*:read"}, "customer.read", True),
        ({"*:read"}, "customer.export", False),
        ({"*:write"}, "application.write", False),  # nobody can be issued this, nothing may honour it
        ({"application:write"}, "application.write", True),
        ({"application:write"}, "application.decide", False),  # the scope reaches, the role does not
        ({"self:write"}, "self.write", False),
        ({"people:write"}, "people.write", False),
        ({"grant:write"}, "grant.decide", False),
    ],
)
def test_a_token_reaches_no_further_than_its_scopes_and_its_holder(
    scopes: set[str], action: str, reaches: bool
) -> None:
    assert is_allowed(actor(Role.ACCOUNT_MANAGER, scopes=frozenset(scopes)), action) is reaches


def test_a_token_without_scopes_opens_nothing_and_none_reaches_what_guards_tokens() -> None:
    everything = frozenset(TOKEN_SCOPES)
    for action, row in PERMISSIONS.items():
        assert not is_allowed(actor(*Role, scopes=frozenset()), action)
        guarded = row.writes and action.partition(".")[0] in ("self", "people", "grant")
        assert is_allowed(actor(*Role, scopes=everything), action) is not guarded
    assert actor(*Role).limited_to(frozenset()).token_scopes == frozenset()


def test_every_role_has_a_word_and_every_scope_a_role() -> None:
    assert set(ROLE_LABELS) == set(Role)
    assert set(SCOPE_OF_ROLE) <= set(Role)


MANAGER, GENERAL = Grant(Role.ACCOUNT_MANAGER), Grant(Role.GENERAL_MANAGER)
EAST, WEST = Grant(Role.SALES_MANAGER, 1), Grant(Role.SALES_MANAGER, 2)


@pytest.mark.parametrize(
    ("own", "lent", "action", "matter", "expected"),
    [
        ((), (GENERAL,), "application.decide", {}, 9),
        ((GENERAL,), (GENERAL,), "application.decide", {}, None),  # the own office comes first
        ((MANAGER,), (GENERAL,), "application.write", {}, None),
        ((GENERAL,), (MANAGER,), "application.write", {}, 9),
        ((MANAGER,), (MANAGER,), "application.write", {"manager_id": 1}, None),
        ((MANAGER,), (MANAGER,), "application.write", {"manager_id": 9}, 9),  # the other's customer
        ((MANAGER,), (MANAGER,), "application.write", {"manager_id": 7}, None),  # nobody's office serves
        ((EAST,), (WEST,), "order.write", {"region_id": 1, "manager_id": 7}, None),
        ((EAST,), (WEST,), "order.write", {"region_id": 2, "manager_id": 7}, 9),  # the other's region
        ((EAST,), (MANAGER,), "order.write", {"region_id": 2, "manager_id": 9}, 9),
        ((EAST,), (WEST,), "order.write", {}, None),
        ((), (GENERAL,), "self.write", {}, None),  # whoever is signed in may
        ((), (), "application.decide", {}, None),
        ((), (GENERAL,), "customer.destroy", {}, None),
    ],
)
def test_in_whose_name_an_office_is_used(own, lent, action, matter, expected) -> None:
    who = Actor(1, 1, "李明", frozenset(own), (stood_for(*lent),) if lent else ())
    assert in_name_of(who, action, **matter).acts_for == expected


def test_the_first_who_lends_the_office_is_named_and_the_system_acts_for_nobody() -> None:
    lenders = (stood_for(MANAGER, user_id=7), stood_for(GENERAL, user_id=8), stood_for(GENERAL, user_id=9))
    assert in_name_of(actor(principals=lenders), "application.decide").acts_for == 8
    assert in_name_of(SYSTEM, "application.decide").acts_for is None
