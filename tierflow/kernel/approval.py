"""The approval chain as data; every approval in the product runs through here (CHEM-7.2).

A chain is a row of steps. Each step examines named groups of fields and binds its approval to the
hash of exactly those groups, so that an edit voids the steps that relied on what was edited, and
nothing else. One human being has one seat in a case: submitter, or decider of one step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import SCOPE_OF_ROLE, Role
from tierflow.kernel.text import mark, text


class State(StrEnum):
    """Where a case stands."""

    DRAFT = "draft"
    IN_APPROVAL = "in_approval"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISCARDED = "discarded"


STATE_LABELS = {
    State.DRAFT: mark("draft"),
    State.IN_APPROVAL: mark("in approval"),
    State.RETURNED: mark("returned for correction"),
    State.WITHDRAWN: mark("withdrawn"),
    State.APPROVED: mark("approved"),
    State.REJECTED: mark("rejected"),
    State.DISCARDED: mark("discarded"),
}

EDITABLE = frozenset({State.DRAFT, State.RETURNED, State.WITHDRAWN})
ENDED = frozenset({State.APPROVED, State.REJECTED, State.DISCARDED})


class Verdict(StrEnum):
    """What an approver can say."""

    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"


VERDICT_LABELS = {
    Verdict.APPROVE: mark("approved"),
    Verdict.RETURN: mark("returned for correction"),
    Verdict.REJECT: mark("rejected"),
}


SUBMIT_SEAT = "submit"


@dataclass(frozen=True)
class Step:
    """One office in the chain. `always`: asked again in every round, whatever changed."""

    key: str
    label: str
    role: Role
    examines: frozenset[str]
    always: bool = False
    scoped: bool = False  # the role must be held for the case's region


@dataclass(frozen=True)
class Chain:
    """Steps in order, and the clause that prescribes them.

    `lapses`: what is approved is carried out afterwards; if that cannot be done, the approval has lapsed.
    """

    key: str
    clause: str
    label: str
    steps: tuple[Step, ...]
    lapses: bool = False

    def __post_init__(self) -> None:
        keys = [step.key for step in self.steps]
        if not keys or len(set(keys)) < len(keys) or SUBMIT_SEAT in keys:
            raise ValueError(f"{self.key}: steps need keys of their own")
        for step in self.steps:
            if step.scoped != (SCOPE_OF_ROLE.get(step.role) == "region"):
                raise ValueError(f"{self.key}.{step.key}: a step is scoped exactly when its role is held for a region")

    def step(self, key: str) -> Step:
        """The step of that key; KeyError when the chain has none."""
        for step in self.steps:
            if step.key == key:
                return step
        raise KeyError(key)


@dataclass(frozen=True)
class Opinion:
    """One recorded decision, as far as the rules need it."""

    round: int
    step: str
    verdict: Verdict
    content_hash: str


@dataclass(frozen=True)
class Case:
    """A case as the rules see it. `seats` maps a person to the step they hold ("submit" for the submitter)."""

    state: State
    round: int
    step: str | None
    opinions: tuple[Opinion, ...] = ()
    seats: Mapping[int, str] | None = None


@dataclass(frozen=True)
class Move:
    """What a submit, decision or withdrawal makes of a case."""

    state: State
    round: int
    step: str | None


def plain(value: Any) -> Any:
    """The value as it comes back from a JSON column: lists for tuples, text for keys. ValueError for NaN."""
    return json.loads(json.dumps(value, allow_nan=False))


def canonical(value: object) -> str:
    """JSON with sorted keys and no blanks: equal content, equal text, on every machine. Wants `plain` values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def hashes_of(chain: Chain, content: Mapping[str, object]) -> tuple[str, dict[str, str]]:
    """The hash of the whole content, and for each step that of the groups it examines. `content`: group -> JSON value.

    Each is the `digest` of an object of groups; every group is written out once, however many examine it.
    """
    examined = {group for step in chain.steps for group in step.examines}
    written = {group: f"{canonical(group)}:{canonical(content.get(group))}" for group in {*content, *examined}}

    def of(groups: Iterable[str]) -> str:
        return hashlib.sha256(f"{{{','.join(written[group] for group in sorted(groups))}}}".encode()).hexdigest()

    return of(content), {step.key: of(step.examines) for step in chain.steps}


def step_hashes(chain: Chain, content: Mapping[str, object]) -> dict[str, str]:
    """For each step, the hash of the groups it examines. `content` maps group -> JSON value."""
    return hashes_of(chain, content)[1]


def changed_groups(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    """The groups whose content differs between two rounds."""
    return frozenset(group for group in {*before, *after} if before.get(group) != after.get(group))


def standing(step: Step, opinions: Iterable[Opinion], hashes: Mapping[str, str], round_: int) -> bool:
    """Whether the step's latest opinion still approves what lies before it now."""
    latest = None
    for opinion in opinions:
        if opinion.step == step.key and (latest is None or opinion.round >= latest.round):
            latest = opinion
    if latest is None or latest.verdict is not Verdict.APPROVE or latest.content_hash != hashes[step.key]:
        return False
    return latest.round == round_ or not step.always


def next_step(chain: Chain, opinions: Iterable[Opinion], hashes: Mapping[str, str], round_: int) -> Step | None:
    """The first step that has not approved this content; `None` when all have."""
    opinions = tuple(opinions)
    for step in chain.steps:
        if not standing(step, opinions, hashes, round_):
            return step
    return None


def submit(chain: Chain, case: Case, hashes: Mapping[str, str]) -> Move:
    """Hand in a draft or a corrected case: a new round, at the first step that must be asked."""
    round_ = case.round + 1
    step = next_step(chain, case.opinions, hashes, round_)
    if step is None:  # a chain without an `always` step, nothing changed
        return Move(State.APPROVED, round_, None)
    return Move(State.IN_APPROVAL, round_, step.key)


def may_submit(case: Case, person_id: int) -> tuple[Refusal, ...]:
    """Why this person cannot hand the case in (empty: they can)."""
    refusals = []
    if case.state not in EDITABLE:
        refusals.append(_not_in_state(case.state))
    seat = (case.seats or {}).get(person_id)
    if seat not in (None, SUBMIT_SEAT):
        refusals.append(Refusal("CHEM-7.2", text("Whoever decided on a case cannot submit it.")))
    return tuple(refusals)


def may_decide(
    chain: Chain, case: Case, step: str, person_id: int, principal_person_id: int | None = None
) -> tuple[Refusal, ...]:
    """Why this person cannot decide this step (empty: they can). CHEM-7.2: four eyes per person.

    `principal_person_id` is the person in whose name a delegate acts; both are held to the rule.
    """
    refusals = []
    if case.state is not State.IN_APPROVAL:
        refusals.append(_not_in_state(case.state))
    elif case.step != step:
        current = text(chain.step(case.step).label) if case.step else text("nobody")
        refusals.append(Refusal("conflict", text("The case now waits for: %(step)s.", step=current)))
    for person in {person_id, principal_person_id} - {None}:
        seat = (case.seats or {}).get(person)  # type: ignore[arg-type]
        if seat == SUBMIT_SEAT:
            refusals.append(Refusal("CHEM-7.2", text("Nobody decides on an application they submitted.")))
        elif seat not in (None, step):
            refusals.append(
                Refusal("CHEM-7.2", text("One person decides one step only, also when standing in for somebody."))
            )
    return tuple(dict.fromkeys(refusals))


def decide(chain: Chain, case: Case, verdict: Verdict, hashes: Mapping[str, str]) -> Move:
    """Where the case goes after the current step gives its verdict."""
    if verdict is Verdict.RETURN:
        return Move(State.RETURNED, case.round, None)
    if verdict is Verdict.REJECT:
        return Move(State.REJECTED, case.round, None)
    if case.step is None:
        raise ValueError("a case that waits for nobody cannot be approved")
    given = Opinion(case.round, case.step, Verdict.APPROVE, hashes[case.step])
    step = next_step(chain, (*case.opinions, given), hashes, case.round)
    return Move(State.APPROVED, case.round, None) if step is None else Move(State.IN_APPROVAL, case.round, step.key)


def lapse(chain: Chain, case: Case) -> Move:
    """What was approved could not be carried out: back to the submitter. ValueError where no approval can lapse."""
    if not chain.lapses or case.state is not State.APPROVED:
        raise ValueError(f"{chain.key}: nothing here can lapse")
    return Move(State.RETURNED, case.round, None)


def may_withdraw(case: Case, person_id: int) -> tuple[Refusal, ...]:
    """Only the submitter, only while it is in approval."""
    refusals = []
    if case.state is not State.IN_APPROVAL:
        refusals.append(_not_in_state(case.state))
    if (case.seats or {}).get(person_id) != SUBMIT_SEAT:
        refusals.append(Refusal("CHEM-7.2", text("Only the submitter can withdraw.")))
    return tuple(refusals)


def may_discard(case: Case, person_id: int) -> tuple[Refusal, ...]:
    """Why this person cannot give the case up (empty: they can): what is in approval is withdrawn first."""
    refusals = []
    if case.state not in EDITABLE:
        refusals.append(_not_in_state(case.state))
    if (case.seats or {}).get(person_id) not in (None, SUBMIT_SEAT):
        refusals.append(Refusal("CHEM-7.2", text("Whoever decided on a case cannot discard it.")))
    return tuple(refusals)


def _not_in_state(state: State) -> Refusal:
    return Refusal("conflict", text("The case is %(state)s.", state=text(STATE_LABELS[state])))
