"""The chain in a real database against a plain model of it: any run of acts, the same outcome, always (CHEM-7.2)."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import false, func, or_, select, update

from tests import builders
from tests.conftest import NOW
from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, ApprovalDecision, ApprovalRound, ApprovalSeat, Seen
from tierflow.common.db import db, transaction
from tierflow.common.users import Delegation, User
from tierflow.kernel.approval import Chain, State, Step, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role

pytestmark = pytest.mark.rule("CHEM-7.2")

CHAIN = approvals.register(
    Chain(
        "test.machine",
        "CHEM-7.2",
        "machine",
        (
            Step("sales", "sales", Role.SALES_MANAGER, frozenset({"company", "papers"}), scoped=True),
            Step("finance", "finance", Role.FINANCE_REVIEWER, frozenset({"papers", "invoice"})),
            Step("gm", "GM", Role.GENERAL_MANAGER, frozenset({"company", "papers", "invoice"}), always=True),
        ),
    )
)
GROUPS = ("company", "papers", "invoice")
ORDER = ("sales", "finance", "gm")
EXAMINED = {"sales": ("company", "papers"), "finance": ("papers", "invoice"), "gm": GROUPS}

# Accounts: who the human being is, and the offices they hold ("sales" is of the case's region, "west" of another).
ACCOUNTS = {
    "author": ("ann", ()),
    "seller": ("sam", ("sales",)),
    "seller2": ("sue", ("sales",)),
    "western": ("wes", ("west",)),
    "auditor": ("fay", ("finance",)),
    "auditor2": ("fred", ("finance",)),
    "boss": ("gil", ("gm",)),
    "boss2": ("greta", ("gm",)),
    "author_as_auditor": ("ann", ("finance",)),  # second accounts
    "seller_as_boss": ("sam", ("gm",)),
    "allrounder": ("max", ("sales", "finance", "gm")),  # second roles
    "idler": ("ian", ()),
}
NAMES = sorted(ACCOUNTS)
accounts = st.sampled_from(NAMES)


class Model:
    """What ought to happen, in the plainest words."""

    def __init__(self) -> None:
        self.state, self.round, self.step, self.version = "draft", 0, None, 0
        self.draft = dict.fromkeys(GROUPS, 0)
        self.handed_in: dict[str, int] = {}
        self.last: dict[str, tuple[str, int, tuple[int, ...]]] = {}  # step -> verdict, round, what it saw
        self.seats: dict[str, str] = {"ann": "submit"}
        self.decided = 0

    def seen_by(self, step: str) -> tuple[int, ...]:
        return tuple(self.handed_in[group] for group in EXAMINED[step])

    def who_is_asked(self) -> str | None:
        for step in ORDER:
            verdict, round_, saw = self.last.get(step, ("", 0, ()))
            content_stands = verdict == "approve" and saw == self.seen_by(step)
            if not content_stands or (step == "gm" and round_ != self.round):
                return step
        return None

    def advance(self) -> None:
        self.step = self.who_is_asked()
        self.state = "in_approval" if self.step else "approved"

    def names_for(self, account: str, lent: list[tuple[str, str]]) -> list[str]:
        """In whose name the account could take the waiting step: the own first, then in the order lent."""
        bearers = [account, *[absent for absent, stand_in in lent if stand_in == account]]
        return [bearer for bearer in bearers if self.step in ACCOUNTS[bearer][1]]

    def is_free(self, account: str, bearer: str) -> bool:
        people = {ACCOUNTS[account][0], ACCOUNTS[bearer][0]}
        return all(self.seats.get(person) in (None, self.step) for person in people)


class ChainMachine(RuleBasedStateMachine):
    app: ClassVar[Flask]
    users: ClassVar[dict[str, int]]
    region: ClassVar[int]
    reached: ClassVar[set[str]] = set()
    subjects: ClassVar[Any] = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.context = self.app.app_context()
        self.context.push()
        self.model = Model()
        self.lent: dict[tuple[str, str], int] = {}
        self.clock = NOW

    @initialize()
    def open(self) -> None:
        subject = ("machine", next(self.subjects))
        with transaction() as session:
            case = approvals.open_case(session, CHAIN, subject, "t", self.region, self.actor("author"), self.tick())
            self.case_id = case.id

    def tick(self) -> Any:
        self.clock += timedelta(seconds=1)
        return self.clock

    def actor(self, account: str) -> Any:
        session = db.session()
        return builders.actor(session, session.get_one(User, self.users[account]))

    def outcome(self, act: Any) -> str:
        """Run it in a transaction of its own; how it ended."""
        try:
            with transaction() as session:
                act(session, session.get_one(ApprovalCase, self.case_id))
        except Conflict:
            return "conflict"
        except Refused:
            return "refused"
        except Forbidden:
            return "forbidden"
        return "done"

    # Acts: one rule, so that the office's usual next step is as frequent as its weight says -------

    @rule(
        kind=st.sampled_from(
            ["go_on"] * 8
            + ["edit"] * 3
            + ["submit", "decide", "decide", "withdraw", "discard", "discard"]
            + ["lend", "lend", "take_back", "look", "look"]
        ),
        account=accounts,
        other=accounts,
        verdict=st.sampled_from(["approve"] * 12 + ["return"] * 3 + ["reject"]),
        step=st.sampled_from(["now", "now", "now", *ORDER]),
        late=st.sampled_from([False, False, True]),
        group=st.sampled_from(GROUPS),
        pick=st.integers(0, 11),
    )
    def act(
        self, kind: str, account: str, other: str, verdict: str, step: str, late: bool, group: str, pick: int
    ) -> None:
        match kind:
            case "go_on":
                self.go_on(pick, verdict)
            case "edit":
                self.edit(account if late else "author", group, pick % 3)
            case "submit":
                self.submit(account, late)
            case "decide":
                self.decide(account, verdict, step, late)
            case "withdraw":
                self.withdraw(account if late else "author", late)
            case "discard":
                self.discard(account if late else "author")
            case "lend":
                self.lend(account, other)
            case "take_back":
                self.take_back(pick)
            case _:
                self.look(account)

    def go_on(self, pick: int, verdict: str) -> None:
        """What the office would do next: hand in, or decide by one of those who hold the step."""
        m = self.model
        if m.step is None:
            self.submit("author", False)
            return
        seen = Seen(m.version, m.step)
        free = [name for name in NAMES if self.expected(name, seen)[0] == "done"]
        self.decide(free[pick % len(free)] if free else "boss", verdict, "now", False)

    def edit(self, account: str, group: str, value: int) -> None:
        """Somebody writes in the draft: the author, or whoever stands in."""
        m, person = self.model, ACCOUNTS[account][0]
        if m.state not in ("draft", "returned", "withdrawn"):
            return  # the matter is locked: its own service says so
        told = self.outcome(lambda session, case: approvals.take_pen(session, case, self.actor(account)))
        assert told == ("done" if m.seats.get(person, "submit") == "submit" else "refused")
        if told == "done":
            m.draft[group], m.seats[person] = value, "submit"

    def submit(self, account: str, late: bool) -> None:
        m, person = self.model, ACCOUNTS[account][0]
        seen = m.version - 1 if late else m.version
        told = self.outcome(
            lambda session, case: approvals.submit(
                session, case, m.draft, self.actor(account), self.tick(), seen_version=seen
            )
        )
        if m.state not in ("draft", "returned", "withdrawn") or m.seats.get(person, "submit") != "submit":
            assert told == "refused"
        elif late:
            assert told == "conflict"
        else:
            assert told == "done"
            m.round, m.version, m.handed_in = m.round + 1, m.version + 1, dict(m.draft)
            m.seats[person] = "submit"
            m.advance()

    def decide(self, account: str, verdict: str, step: str, late: bool) -> None:
        m = self.model
        seen = Seen(m.version - 1 if late else m.version, (m.step or "gm") if step == "now" else step)
        expected, bearer = self.expected(account, seen)
        told = self.outcome(
            lambda session, case: approvals.decide(
                session,
                case,
                seen,
                Verdict(verdict),
                self.actor(account),
                self.tick(),
                on=local_day(NOW),
                policy_version=1,
                reason="理由",
            )
        )
        assert told == expected
        if told != "done":
            return
        assert m.step is not None
        m.last[m.step] = (verdict, m.round, m.seen_by(m.step))
        m.seats |= {ACCOUNTS[account][0]: m.step, ACCOUNTS[bearer][0]: m.step}
        m.version, m.decided = m.version + 1, m.decided + 1
        if verdict == "approve":
            m.advance()
        else:
            m.state, m.step = {"return": "returned", "reject": "rejected"}[verdict], None

    def expected(self, account: str, seen: Seen) -> tuple[str, str]:
        m = self.model
        if seen.version != m.version or seen.step != m.step:
            return "conflict", ""
        bearers = m.names_for(account, list(self.lent))
        if not bearers:
            return "forbidden", ""
        free = [bearer for bearer in bearers if m.is_free(account, bearer)]
        return ("done", free[0]) if free else ("refused", "")

    def withdraw(self, account: str, late: bool) -> None:
        m = self.model
        seen = m.version - 1 if late else m.version
        told = self.outcome(
            lambda session, case: approvals.withdraw(
                session, case, self.actor(account), self.tick(), seen_version=seen, reason="r"
            )
        )
        if m.state != "in_approval" or m.seats.get(ACCOUNTS[account][0]) != "submit":
            assert told == "refused"
        elif late:
            assert told == "conflict"
        else:
            assert told == "done"
            m.state, m.step, m.version = "withdrawn", None, m.version + 1

    def discard(self, account: str) -> None:
        m = self.model
        if m.round < 1:
            return  # a draft given up at once would end most runs before they began
        told = self.outcome(
            lambda session, case: approvals.discard(
                session, case, self.actor(account), self.tick(), seen_version=m.version
            )
        )
        is_open = m.state in ("draft", "returned", "withdrawn")
        assert told == ("done" if is_open and m.seats.get(ACCOUNTS[account][0], "submit") == "submit" else "refused")
        if told == "done":
            m.state, m.version = "discarded", m.version + 1

    def lend(self, absent: str, stand_in: str) -> None:
        if absent == stand_in or (absent, stand_in) in self.lent:
            return
        with transaction() as session:
            on = local_day(NOW)
            row = builders.delegation(
                session,
                session.get_one(User, self.users[absent]),
                session.get_one(User, self.users[stand_in]),
                on,
                on + timedelta(days=1),
            )
            self.lent[absent, stand_in] = row.id

    def take_back(self, pick: int) -> None:
        if not self.lent:
            return
        pair = sorted(self.lent)[pick % len(self.lent)]
        with transaction() as session:
            session.get_one(Delegation, self.lent.pop(pair)).revoked_at = NOW

    # What must always hold ---------------------------------------------------------------------

    @invariant()
    def database_and_model_agree(self) -> None:
        if not hasattr(self, "case_id"):
            return
        session, m = db.session(), self.model
        session.rollback()
        case = session.get_one(ApprovalCase, self.case_id)
        self.reached.add(case.state)
        assert (case.state, case.round, case.step, case.version) == (m.state, m.round, m.step, m.version)
        assert (case.ended_at is not None) is (m.state in ("approved", "rejected", "discarded"))
        people = {person_id: person for person, person_id in self.people.items()}
        rows = session.execute(
            select(ApprovalSeat.person_id, ApprovalSeat.step).where(ApprovalSeat.case_id == self.case_id)
        )
        assert {people[person_id]: step for person_id, step in rows} == m.seats
        rounds = select(func.count()).where(ApprovalRound.case_id == self.case_id)
        decisions = select(func.count()).where(ApprovalDecision.case_id == self.case_id)
        assert (session.scalar(rounds), session.scalar(decisions)) == (m.round, m.decided)

    def look(self, account: str) -> None:
        """The inbox offers exactly what can be decided."""
        session, m, actor = db.session(), self.model, self.actor(account)
        case = session.get_one(ApprovalCase, self.case_id)
        query = select(ApprovalCase.id).where(ApprovalCase.id == self.case_id)
        offered = session.scalar(query.where(or_(false(), *approvals.waiting_conditions(actor)))) is not None
        may = m.state == "in_approval" and self.expected(account, Seen(m.version, m.step or ""))[0] == "done"
        assert offered is may
        assert (approvals.why_not(session, case, actor) == ()) is may

    people: ClassVar[dict[str, int]]

    def teardown(self) -> None:
        with transaction() as session:
            session.execute(update(Delegation).where(Delegation.revoked_at.is_(None)).values(revoked_at=NOW))
        db.session.remove()
        self.context.pop()


@pytest.mark.timeout(600)
def test_any_run_of_acts_ends_as_the_model_says(both_app: Flask) -> None:
    is_sqlite = both_app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    with both_app.app_context(), transaction() as session:
        east, west = builders.region(session), builders.region(session, "WEST", "西部")
        roles: dict[str, Any] = {
            "sales": (Role.SALES_MANAGER, east.id),
            "west": (Role.SALES_MANAGER, west.id),
            "finance": Role.FINANCE_REVIEWER,
            "gm": Role.GENERAL_MANAGER,
        }
        people: dict[str, int] = {}
        users = {}
        for name, (person, offices) in ACCOUNTS.items():
            row = builders.user(
                session, name, *(roles[office] for office in offices), name=person, person_id=people.get(person)
            )
            people[person], users[name] = row.person_id, row.id
        region_id = east.id
    machine = type("Machine", (ChainMachine,), {"app": both_app, "users": users, "people": people, "region": region_id})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60 if is_sqlite else 20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        ),
    )
    with both_app.app_context():
        session = db.session()
        assert list(audit.verify_chain(session)) == []
    ends = {State.IN_APPROVAL.value, State.RETURNED.value, State.APPROVED.value}
    assert ends <= ChainMachine.reached, "the runs must have gone all the way"
