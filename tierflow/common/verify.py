"""Finding lies: everything stored that can be worked out again is worked out again and compared.

Each check yields a sentence for every lie. None of them writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from tierflow.common import anchors, audit, decisions
from tierflow.common.approvals import CHAINS, ApprovalCase, ApprovalDecision, ApprovalRound, ApprovalSeat
from tierflow.common.db import is_sqlite
from tierflow.common.files import FileContent
from tierflow.common.policies import PolicyVersion
from tierflow.common.runs import Run
from tierflow.common.users import User
from tierflow.kernel import approval
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, Opinion, State, Verdict
from tierflow.kernel.months import AnyPeriod, parse_period

Check = Callable[[Session], Iterator[str]]
_domains: dict[str, Check] = {}


def also_checked(name: str, check: Check) -> None:
    """Add a domain's own check; `app.py` calls it for each domain that stores what can be worked out again."""
    _domains[name] = check


def lies(session: Session, now: datetime, anchor_file: Path | None) -> Iterator[str]:
    """Every lie found, the cheap checks first. All of it looks at one moment: whoever writes meanwhile is no lie."""
    session.rollback()
    if not is_sqlite(session):  # SQLite's read transactions see one moment by themselves
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    yield from audit.verify_chain(session)
    if anchor_file is not None:
        yield from anchors.check(session, anchor_file)
    yield from job_periods(session, now)
    yield from approval_cases(session)
    yield from decisions.verify(session)
    for check in _domains.values():
        yield from check(session)
    yield from file_hashes(session)


def file_hashes(session: Session) -> Iterator[str]:
    """Stored files whose content is no longer what its hash says."""
    last = ""
    while True:
        query = select(FileContent).where(FileContent.sha256 > last).order_by(FileContent.sha256).limit(20)
        rows = session.scalars(query.options(undefer(FileContent.content))).all()
        for row in rows:
            last = row.sha256
            if hashlib.sha256(row.content).hexdigest() != row.sha256 or len(row.content) != row.size:
                yield f"file {row.sha256[:12]}: the content was altered"
        session.expunge_all()
        if len(rows) < 20:
            return


def job_periods(session: Session, now: datetime) -> Iterator[str]:
    """Duties with a period left out, done twice, or done before it began."""
    double = (
        select(Run.job, Run.period, Run.item)
        .group_by(Run.job, Run.period, Run.item)
        .having(func.count() > 1)
        .order_by(Run.job, Run.period)
    )
    for job, period, item in session.execute(double):
        yield f"job {job}: {period} {item or 'as a whole'} is in the ledger twice"
    for job in session.scalars(select(Run.job).distinct().order_by(Run.job)).all():
        query = select(Run.period).where(Run.job == job, Run.item == "").distinct().order_by(Run.period)
        yield from _gaps(job, session.scalars(query).all(), now)


def _gaps(job: str, written: Sequence[str], now: datetime) -> Iterator[str]:
    periods: list[AnyPeriod] = []
    for period in written:
        try:
            periods.append(parse_period(period))
        except ValueError:
            yield f"job {job}: {period!r} is not a period"
    for before, after in pairwise(periods):
        if type(before) is not type(after):
            yield f"job {job}: {before} and {after} are periods of two kinds"
        elif before.next() != after:
            yield f"job {job}: nothing was done between {before} and {after}"
    if periods and type(periods[-1]).at(now) < periods[-1]:  # type: ignore[operator]
        yield f"job {job}: {periods[-1]} was done before it began"


def approval_cases(session: Session, batch: int = 200) -> Iterator[str]:
    """Cases whose rounds, decisions and seats do not lead to where they stand."""
    policies = set(session.scalars(select(PolicyVersion.version)))
    last = 0
    while True:
        cases = session.scalars(
            select(ApprovalCase).where(ApprovalCase.id > last).order_by(ApprovalCase.id).limit(batch)
        ).all()
        if not cases:
            return
        last = cases[-1].id
        ids = [case.id for case in cases]
        rounds: dict[int, list[ApprovalRound]] = {case_id: [] for case_id in ids}
        for row in session.scalars(
            select(ApprovalRound).where(ApprovalRound.case_id.in_(ids)).order_by(ApprovalRound.round)
        ):
            rounds[row.case_id].append(row)
        given: dict[int, list[ApprovalDecision]] = {case_id: [] for case_id in ids}
        for decision in session.scalars(
            select(ApprovalDecision).where(ApprovalDecision.case_id.in_(ids)).order_by(ApprovalDecision.id)
        ):
            given[decision.case_id].append(decision)
        seats: dict[int, dict[int, str]] = {case_id: {} for case_id in ids}
        for seat in session.scalars(select(ApprovalSeat).where(ApprovalSeat.case_id.in_(ids))):
            seats[seat.case_id][seat.person_id] = seat.step
        accounts = {row.submitted_by_id for case_id in ids for row in rounds[case_id]}
        accounts |= {case.submitter_id for case in cases}
        accounts |= {d.on_behalf_of_id for case_id in ids for d in given[case_id] if d.on_behalf_of_id}
        persons = session.execute(select(User.id, User.person_id).where(User.id.in_(accounts)))
        people = {row.id: row.person_id for row in persons}
        for case in cases:
            chain = CHAINS.get(case.chain)
            if chain is None:
                yield f"approval {case.id}: nobody knows the chain {case.chain}"
                continue
            try:
                replay = _Replay(case, chain, people)
                found = list(replay.compare(rounds[case.id], given[case.id], seats[case.id], policies))
            except (ValueError, KeyError, TypeError, AttributeError) as error:  # no such state, verdict or content
                found = [f"cannot be replayed: {type(error).__name__}: {error}"]
            for lie in found:
                yield f"approval {case.id}: {lie}"
        session.expunge_all()


class _Replay:
    """One case made again from its rounds and decisions, through the kernel's rules."""

    def __init__(self, case: ApprovalCase, chain: Chain, people: dict[int, int]) -> None:
        self.case, self.chain, self.people = case, chain, people
        self.state, self.round = State.DRAFT, 0
        self.step: str | None = None
        self.opinions: list[Opinion] = []
        self.seats: dict[int, str] = {people.get(case.submitter_id, 0): SUBMIT_SEAT}

    def compare(
        self,
        rounds: Sequence[ApprovalRound],
        given: Sequence[ApprovalDecision],
        seats: dict[int, str],
        policies: set[int],
    ) -> Iterator[str]:
        """Replay and yield what differs from what is stored."""
        # A seat at no step keeps its person out of the case: nobody acts from it, and it counts from the beginning.
        steps = {SUBMIT_SEAT, *(step.key for step in self.chain.steps)}
        self.seats |= {person: step for person, step in seats.items() if step not in steps}
        known = {row.round for row in rounds}
        for decision in given:
            if decision.round not in known:
                yield f"a decision of round {decision.round}, which was never handed in"
        for row in rounds:
            yield from self._submit(row)
            hashes = approval.step_hashes(self.chain, row.content)
            for decision in given:
                if decision.round == row.round:
                    yield from self._decide(decision, hashes)
                    if decision.policy_version not in policies:
                        yield f"policy version {decision.policy_version} does not exist"
        yield from self._end(rounds, given)
        if seats != self.seats:
            yield "the seats are not those of the people who acted"

    def _submit(self, row: ApprovalRound) -> Iterator[str]:
        if row.content_hash != approval.digest(row.content):
            yield f"round {row.round}: the content is not the one that was handed in"
        if self.state is State.IN_APPROVAL:
            self.state = State.WITHDRAWN  # withdrawing leaves no row but the audit's
        elif self.state is State.APPROVED and self.chain.lapses:
            self.state = State.RETURNED  # nor does an approval that could not be carried out
        person = self.people.get(row.submitted_by_id, 0)
        facts = approval.Case(self.state, self.round, None, tuple(self.opinions), self.seats)
        if approval.may_submit(facts, person):
            yield f"round {row.round}: it could not be handed in"
        move = approval.submit(self.chain, facts, approval.step_hashes(self.chain, row.content))
        if (move.round, move.step) != (row.round, row.first_step):
            yield f"round {row.round}: it went to {row.first_step}, and belonged to {move.step}"
        self.state, self.round, self.step = move.state, move.round, move.step
        self.seats.setdefault(person, SUBMIT_SEAT)

    def _decide(self, row: ApprovalDecision, hashes: dict[str, str]) -> Iterator[str]:
        where = f"round {row.round}, {row.step}"
        if row.step not in hashes:
            yield f"{where}: the chain has no such step"
            return
        principal = self.people.get(row.on_behalf_of_id) if row.on_behalf_of_id else None
        facts = approval.Case(self.state, self.round, self.step, tuple(self.opinions), self.seats)
        for refusal in approval.may_decide(self.chain, facts, row.step, row.person_id, principal):
            yield f"{where}: {refusal.clause} {refusal.reason}"
        if row.content_hash != hashes[row.step]:
            yield f"{where}: what was examined is not what was handed in"
        verdict = Verdict(row.verdict)
        at_step = approval.Case(State.IN_APPROVAL, row.round, row.step, tuple(self.opinions), self.seats)
        move = approval.decide(self.chain, at_step, verdict, hashes)
        if (move.state.value, move.step) != (row.moved_to, row.next_step):
            yield f"{where}: {row.verdict} led to {row.moved_to}/{row.next_step}, and leads to {move.state}/{move.step}"
        self.opinions.append(Opinion(row.round, row.step, verdict, row.content_hash))
        self.state, self.step = move.state, move.step
        for person in filter(None, (row.person_id, principal)):
            self.seats.setdefault(person, row.step)

    def _end(self, rounds: Sequence[ApprovalRound], given: Sequence[ApprovalDecision]) -> Iterator[str]:
        case, state = self.case, State(self.case.state)
        reachable = {self.state}
        if self.state is State.IN_APPROVAL:
            reachable |= {State.WITHDRAWN, State.DISCARDED}
        elif self.state is State.APPROVED and self.chain.lapses:
            reachable |= {State.RETURNED, State.DISCARDED}
        elif self.state in approval.EDITABLE:
            reachable.add(State.DISCARDED)
        if state not in reachable:
            yield f"it stands at {state}, and its decisions lead to {self.state}"
        elif state is State.IN_APPROVAL and case.step != self.step:
            yield f"it waits for {case.step}, and its decisions lead to {self.step}"
        if case.round != self.round:
            yield f"it is in round {case.round}, and {self.round} were handed in"
        if rounds and case.content_hash != rounds[-1].content_hash:
            yield "the content it is decided on is not the one last handed in"
        if case.version < len(rounds) + len(given):
            yield "it has moved less often than it was decided"
