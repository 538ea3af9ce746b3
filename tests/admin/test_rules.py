"""The pure rules of administration, both sides of every edge. All are house rules but the calendar's."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.conftest import NOW
from tierflow.admin import rules
from tierflow.admin.rules import Account, Held, Proposal, Setter, Span, Standing
from tierflow.kernel.roles import Grant, Role
from tierflow.kernel.text import text

TODAY = date(2026, 11, 23)
DAY = timedelta(days=1)
ANN, BOB, LI = 1, 2, 3


def said(refusals: tuple[rules.Refusal, ...]) -> set[str]:
    return {str(refusal.reason) for refusal in refusals}


# --- periods ---


@pytest.mark.parametrize(
    ("a", "b", "meets"),
    [
        ((0, 5), (5, 9), False),
        ((0, 5), (4, 9), True),
        ((5, 9), (0, 5), False),
        ((0, None), (900, 901), True),
        ((5, None), (0, 5), False),
        ((5, None), (0, 6), True),
        ((0, None), (0, None), True),
        ((3, 4), (0, 9), True),
    ],
)
def test_half_open_periods_meet_only_when_they_share_a_day(a, b, meets):
    def span(pair):
        return Span(TODAY + pair[0] * DAY, None if pair[1] is None else TODAY + pair[1] * DAY)

    assert span(a).meets(span(b)) is meets
    assert span(b).meets(span(a)) is meets


# --- role grants ---


@pytest.mark.parametrize(
    ("role", "given", "wrong"),
    [
        (Role.SALES_MANAGER, {"region": 1}, set()),
        (Role.SALES_MANAGER, {}, {"region_id"}),
        (Role.SALES_MANAGER, {"office": 1}, {"region_id", "office_id"}),
        (Role.RESIDENT_OFFICE, {"office": 1}, set()),
        (Role.RESIDENT_OFFICE, {"region": 1}, {"region_id", "office_id"}),
        (Role.WAREHOUSE_KEEPER, {"warehouse": 1}, set()),
        (Role.WAREHOUSE_KEEPER, {}, {"warehouse_id"}),
        (Role.GENERAL_MANAGER, {}, set()),
        (Role.GENERAL_MANAGER, {"region": 1}, {"region_id"}),
        (Role.ADMINISTRATOR, {"warehouse": 1}, {"warehouse_id"}),
    ],
)
def test_a_role_takes_its_own_scope_and_no_other(role, given, wrong):
    full = {"region": None, "office": None, "warehouse": None, **given}
    assert set(rules.scope_errors(role, full)) == wrong


def proposal(person=LI, role=Role.FINANCE_REVIEWER, scope=None, start=0, end=None, enabled=True):
    to_on = None if end is None else TODAY + end * DAY
    return Proposal(person, enabled, role, scope, Span(TODAY + start * DAY, to_on))


TWO = frozenset({ANN, BOB})
LONE = frozenset({ANN})


@pytest.mark.parametrize(
    ("wanted", "held", "administrators", "refused"),
    [
        (proposal(), [], TWO, set()),
        (proposal(start=0), [], TWO, set()),
        (proposal(start=-1), [], TWO, {"from_on"}),
        (proposal(end=1), [], TWO, set()),
        (proposal(end=0), [], TWO, {"last_on"}),
        (proposal(enabled=False), [], TWO, {"user_id"}),
        (proposal(), [Held(Role.FINANCE_REVIEWER, None, Span(TODAY, None))], TWO, {"role"}),
        (proposal(start=10), [Held(Role.FINANCE_REVIEWER, None, Span(TODAY, TODAY + 10 * DAY))], TWO, set()),
        (proposal(start=9), [Held(Role.FINANCE_REVIEWER, None, Span(TODAY, TODAY + 10 * DAY))], TWO, {"role"}),
        (proposal(), [Held(Role.GENERAL_MANAGER, None, Span(TODAY, None))], TWO, set()),
        (
            proposal(role=Role.SALES_MANAGER, scope=2),
            [Held(Role.SALES_MANAGER, 1, Span(TODAY, None))],
            TWO,
            set(),
        ),
        (proposal(person=ANN, role=Role.ADMINISTRATOR), [], TWO, set()),  # proposing is free, approving is not
        # a lone administrator
        (proposal(role=Role.ADMINISTRATOR), [], LONE, set()),
        (proposal(role=Role.FINANCE_REVIEWER), [], LONE, {"role"}),
        (proposal(person=ANN, role=Role.ADMINISTRATOR), [], LONE, {"user_id"}),
        (proposal(role=Role.ADMINISTRATOR, start=1), [], LONE, {"from_on"}),
        (proposal(role=Role.ADMINISTRATOR, end=30), [], LONE, {"from_on"}),
        (proposal(role=Role.ADMINISTRATOR, enabled=False), [], LONE, {"user_id"}),
    ],
)
def test_what_may_be_proposed(wanted, held, administrators, refused):
    refusals = rules.why_not_propose(wanted, held, administrators, ANN, TODAY)
    assert {refusal.field for refusal in refusals} == refused


@pytest.mark.parametrize(
    ("administrators", "lone"), [(LONE, True), (TWO, False), (frozenset(), True), (frozenset({BOB}), False)]
)
def test_lone_counts_persons(administrators, lone):
    assert rules.is_lone(administrators, ANN) is lone


@pytest.mark.parametrize(
    ("approver", "beneficiary", "proposers", "count"),
    [
        (BOB, LI, {ANN}, 0),
        (ANN, LI, {ANN}, 1),  # their own proposal
        (BOB, BOB, {ANN}, 1),  # a role for themselves
        (ANN, ANN, {ANN}, 2),  # both
        (BOB, LI, {ANN, BOB}, 1),  # handed in again by a second person: neither decides
    ],
)
def test_nobody_approves_for_themselves_nor_their_own_proposal(approver, beneficiary, proposers, count):
    refusals = rules.why_not_approve(approver, beneficiary, frozenset(proposers), [], NOW, 7)
    assert len(refusals) == count


@pytest.mark.parametrize(
    ("by", "ago", "barred"),
    [
        (ANN, timedelta(days=7) - timedelta(seconds=1), True),
        (ANN, timedelta(days=7), False),
        (ANN, timedelta(), True),
        (LI, timedelta(), False),  # reset by somebody who has no part in the proposal
    ],
)
def test_who_was_reset_by_the_proposer_does_not_approve_for_a_while(by, ago, barred):
    refusals = rules.why_not_approve(BOB, LI, frozenset({ANN}), [(by, NOW - ago)], NOW, 7)
    assert bool(refusals) is barred


def test_policy_can_lift_the_bar():
    assert not rules.why_not_approve(BOB, LI, frozenset({ANN}), [(ANN, NOW)], NOW, 0)


@pytest.mark.parametrize(("administrators", "refused"), [(LONE, True), (TWO, False)])
def test_there_is_always_an_administrator(administrators, refused):
    assert bool(rules.why_not_without(administrators, ANN)) is refused


# --- delegation ---

MANAGER = frozenset({Grant(Role.SALES_MANAGER, 1)})


def account(user, person=None, enabled=True, grants=MANAGER, administers=False):
    return Account(user, person if person is not None else user, enabled, grants, administers)


def delegate(absent=None, stand_in=None, start=0, days=5, standing=(), most=90, by=1, did_reset=False):
    span = Span(TODAY + start * DAY, TODAY + (start + days) * DAY)
    setter = Setter(by, may_be_stand_in=did_reset)
    return rules.why_not_delegate(absent or account(1), stand_in or account(2), span, standing, setter, TODAY, most)


def stands(absent, stand_in, start=0, days=5):
    return Standing(absent, absent, stand_in, Span(TODAY + start * DAY, TODAY + (start + days) * DAY))


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        ({}, set()),
        ({"start": -1}, {"from_on"}),
        ({"days": 90}, set()),
        ({"days": 91}, {"last_on"}),
        ({"days": 1, "most": 1}, set()),
        ({"days": 2, "most": 1}, {"last_on"}),
        ({"days": 0}, {"last_on"}),
        ({"stand_in": account(1)}, {"to_user_id"}),
        ({"stand_in": account(9, person=1)}, {"to_user_id"}),  # another account of the same person
        ({"stand_in": account(2, enabled=False)}, {"to_user_id"}),
        ({"absent": account(1, enabled=False)}, {"from_user_id"}),
        ({"absent": account(1, grants=frozenset({Grant(Role.ADMINISTRATOR)}))}, {"from_user_id"}),
        ({"absent": account(1, grants=frozenset())}, {"from_user_id"}),
        ({"absent": account(1, grants=MANAGER | {Grant(Role.ADMINISTRATOR)})}, set()),
        # an administrator borrows nothing, by whichever account, and nobody lends themselves another's office
        ({"stand_in": account(2, grants=frozenset({Grant(Role.ADMINISTRATOR)}), administers=True)}, {"to_user_id"}),
        ({"stand_in": account(2, administers=True)}, {"to_user_id"}),
        ({"stand_in": account(2), "by": 2}, {"to_user_id"}),
        ({"stand_in": account(9, person=2), "by": 2}, {"to_user_id"}),
        ({"stand_in": account(2), "by": 3}, set()),
        # … nor through an account they made, which holds no role, or reset
        ({"stand_in": account(2, grants=frozenset())}, {"to_user_id"}),
        ({"by": 3, "did_reset": True}, {"to_user_id"}),
        ({"by": 1, "did_reset": True}, set()),  # the absent person sets it: theirs to lend
        # one stand-in at a time
        ({"standing": [stands(1, 3)]}, {"from_on"}),
        ({"standing": [stands(1, 3, start=5)]}, set()),
        ({"standing": [stands(1, 3, start=4)]}, {"from_on"}),
        # A -> B -> C: B is away, so B cannot stand in
        ({"standing": [stands(2, 3)]}, {"to_user_id"}),
        ({"standing": [stands(2, 3, start=5)]}, set()),
        ({"standing": [stands(2, 3, start=4)]}, {"to_user_id"}),
        # C -> A -> B: A stands in for somebody, so A cannot pass it on
        ({"standing": [stands(3, 1)]}, {"from_on"}),
        ({"standing": [stands(3, 1, start=-5)]}, set()),
        # A -> B -> A
        ({"standing": [stands(2, 1)]}, {"from_on", "to_user_id"}),
        # two colleagues lean on one stand-in: allowed
        ({"standing": [stands(3, 2)]}, set()),
        # chains are seen through a second account of the same person
        ({"standing": [Standing(8, 2, 3, Span(TODAY, TODAY + DAY))]}, {"to_user_id"}),
    ],
)
def test_who_may_stand_in_for_whom(case, refused):
    assert {refusal.field for refusal in delegate(**case)} == refused


def test_every_reason_is_told_at_once():
    refusals = delegate(stand_in=account(1, enabled=False), start=-1, days=100)
    assert {refusal.field for refusal in refusals} == {"to_user_id", "from_on", "last_on"}


# --- reference data ---


@pytest.mark.parametrize(
    ("to_on", "uses", "count"),
    [
        (TODAY, [], 0),  # yesterday was the last day
        (TODAY - DAY, [], 1),
        (TODAY + 30 * DAY, [], 0),
        (TODAY, [text("Customers belong to it.")], 1),
        (date(2020, 1, 1), [], 2),  # before it began, and in the past
    ],
)
def test_an_entry_ends_only_when_nothing_relies_on_it(to_on, uses, count):
    assert len(rules.why_not_end(Span(date(2020, 1, 1), None), to_on, uses, TODAY)) == count


# --- the working calendar ---

NEW_YEAR = {date(2027, 1, 1): False}


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("days", "published", "is_empty", "clauses"),
    [
        (NEW_YEAR, {}, False, 0),
        ({}, {}, False, 1),  # an empty table is a mistake …
        ({}, {}, True, 0),  # … unless it is said that there are none
        (NEW_YEAR, {}, True, 1),
        ({date(2026, 12, 31): False}, {}, False, 0),  # the December before, as in 2018
        ({date(2026, 11, 30): False}, {}, False, 1),
        ({date(2028, 1, 1): False}, {}, False, 1),
        ({date(2026, 12, 31): False}, {2026: {date(2026, 12, 31): True}}, False, 1),  # two notices disagree
        ({date(2026, 12, 31): False}, {2026: {date(2026, 12, 31): False}}, False, 0),
        (NEW_YEAR, {2027: NEW_YEAR}, False, 1),  # nothing would change
        (NEW_YEAR, {2027: {}}, False, 0),
        ({}, {2027: {}}, True, 1),
    ],
)
def test_what_may_be_loaded_as_a_year(days, published, is_empty, clauses):
    refusals = rules.why_not_load(2027, days, published, is_empty=is_empty)
    assert len(refusals) == clauses
    assert {refusal.clause for refusal in refusals} <= {"CHEM-12.3"}


def test_the_preview_names_the_days_that_change():
    before = [(date(2027, 1, 1), True), (date(2027, 1, 2), False)]
    changes = rules.calendar_changes(before, {date(2027, 1, 1): False, date(2027, 1, 2): False})
    assert [(change.on, change.before, change.after) for change in changes] == [(date(2027, 1, 1), True, False)]
