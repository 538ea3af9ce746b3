"""The chain as pure data: every function, both sides of every rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.kernel import approval
from tierflow.kernel.approval import Case, Chain, Move, Opinion, State, Step, Verdict
from tierflow.kernel.roles import Role

pytestmark = pytest.mark.rule("CHEM-7.2")

SALES = Step("sales", "sales department", Role.SALES_MANAGER, frozenset({"company", "papers"}), scoped=True)
FINANCE = Step("finance", "finance department", Role.FINANCE_REVIEWER, frozenset({"papers", "invoice"}))
GM = Step("gm", "general manager", Role.GENERAL_MANAGER, frozenset({"company", "papers", "invoice"}), always=True)
OPENING = Chain("opening", "CHEM-7.2", "account opening", (SALES, FINANCE, GM))
CONTENT = {"company": {"name": "甲"}, "papers": [1, 2], "invoice": {"account": "6222"}}
HASHES = approval.step_hashes(OPENING, CONTENT)
EDITED = approval.step_hashes(OPENING, {**CONTENT, "invoice": {"account": "6223"}})
RENAMED = approval.step_hashes(OPENING, {**CONTENT, "company": {"name": "乙"}})

AUTHOR, SELLER, AUDITOR, BOSS, OTHER = 1, 2, 3, 4, 5
APPROVE, RETURN, REJECT = Verdict.APPROVE, Verdict.RETURN, Verdict.REJECT


def said(round_: int, step: str, verdict: Verdict = APPROVE, hashes: dict[str, str] = HASHES) -> Opinion:
    return Opinion(round_, step, verdict, hashes[step])


def waiting(step: str, *opinions: Opinion, round_: int = 1, **seats: int) -> Case:
    names = {"author": "submit", "seller": "sales", "auditor": "finance", "boss": "gm"}
    return Case(
        State.IN_APPROVAL,
        round_,
        step,
        opinions,
        {AUTHOR: "submit", **{person: names[name] for name, person in seats.items()}},
    )


# What is hashed ---------------------------------------------------------------------------------


def test_a_step_is_bound_to_the_groups_it_examines_and_to_no_other() -> None:
    assert {key for key in HASHES if HASHES[key] != EDITED[key]} == {"finance", "gm"}
    assert {key for key in HASHES if HASHES[key] != RENAMED[key]} == {"sales", "gm"}
    assert approval.step_hashes(OPENING, {**CONTENT, "remarks": "new"}) == HASHES


def test_an_absent_group_is_not_an_empty_one() -> None:
    without = {key: value for key, value in CONTENT.items() if key != "papers"}
    assert approval.step_hashes(OPENING, without) != approval.step_hashes(OPENING, {**without, "papers": []})


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"a": 1}, {"a": 1}, set()),
        ({"a": 1}, {"a": 2}, {"a"}),
        ({"a": 1}, {"b": 1}, {"a", "b"}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a"}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, set()),
    ],
)
def test_changed_groups(before: dict[str, object], after: dict[str, object], changed: set[str]) -> None:
    assert approval.changed_groups(before, after) == changed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.integers(-20, 20), inner, max_size=4)
        | st.tuples(inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_content_that_went_through_a_json_column_keeps_its_hash(value: object) -> None:
    import json

    stored = approval.plain(value)
    again = json.loads(json.dumps(stored))
    assert approval.canonical(again) == approval.canonical(stored)
    assert approval.plain(stored) == stored


def test_no_number_is_not_content() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON compliant"):
            approval.plain({"a": value})
        with pytest.raises(ValueError, match="JSON compliant"):
            approval.canonical({"a": value})


# Who is asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opinions", "hashes", "round_", "asked"),
    [
        ((), HASHES, 1, "sales"),
        ((said(1, "sales"),), HASHES, 1, "finance"),
        ((said(1, "sales"), said(1, "finance")), HASHES, 1, "gm"),
        ((said(1, "sales"), said(1, "finance"), said(1, "gm")), HASHES, 1, None),
        # Round 2 with nothing changed: sales stands; who returned it is asked, then always the GM.
        ((said(1, "sales"), said(1, "finance", RETURN)), HASHES, 2, "finance"),
        ((said(1, "sales"), said(1, "finance", RETURN), said(2, "finance")), HASHES, 2, "gm"),
        ((said(1, "sales"), said(1, "finance"), said(1, "gm", RETURN)), HASHES, 2, "gm"),
        # The GM's own approval of an earlier round does not stand, changed or not.
        ((said(1, "sales"), said(1, "finance"), said(1, "gm")), HASHES, 2, "gm"),
        # Only the steps whose fields changed.
        ((said(1, "sales"), said(1, "finance"), said(1, "gm", RETURN)), EDITED, 2, "finance"),
        ((said(1, "sales"), said(1, "finance"), said(1, "gm", RETURN)), RENAMED, 2, "sales"),
        (
            (said(1, "sales"), said(1, "finance"), said(1, "gm", RETURN), said(2, "sales", hashes=RENAMED)),
            RENAMED,
            2,
            "gm",
        ),
        # There and back: the latest opinion counts, not any that ever fitted.
        ((said(1, "sales"), said(2, "sales", hashes=RENAMED)), HASHES, 3, "sales"),
        ((said(1, "sales"), said(2, "sales", RETURN)), HASHES, 3, "sales"),
    ],
)
def test_only_steps_that_rely_on_a_change_are_asked_again_and_always_the_gm(
    opinions: tuple[Opinion, ...], hashes: dict[str, str], round_: int, asked: str | None
) -> None:
    step = approval.next_step(OPENING, opinions, hashes, round_)
    assert (step.key if step else None) == asked


@pytest.mark.parametrize(
    ("state", "round_", "move"),
    [
        (State.DRAFT, 0, Move(State.IN_APPROVAL, 1, "sales")),
        (State.RETURNED, 1, Move(State.IN_APPROVAL, 2, "sales")),
        (State.WITHDRAWN, 4, Move(State.IN_APPROVAL, 5, "sales")),
    ],
)
def test_each_submission_is_a_new_round(state: State, round_: int, move: Move) -> None:
    assert approval.submit(OPENING, Case(state, round_, None), HASHES) == move


def test_a_chain_without_a_fixed_last_word_may_end_at_once() -> None:
    short = Chain("change", "CHEM-8.1", "change", (FINANCE,))
    case = Case(State.RETURNED, 1, None, (said(1, "finance"),))
    assert approval.submit(short, case, HASHES) == Move(State.APPROVED, 2, None)


@pytest.mark.parametrize(
    ("case", "verdict", "move"),
    [
        (waiting("sales"), APPROVE, Move(State.IN_APPROVAL, 1, "finance")),
        (waiting("sales"), RETURN, Move(State.RETURNED, 1, None)),
        (waiting("sales"), REJECT, Move(State.REJECTED, 1, None)),
        (waiting("finance", said(1, "sales")), APPROVE, Move(State.IN_APPROVAL, 1, "gm")),
        (waiting("gm", said(1, "sales"), said(1, "finance")), APPROVE, Move(State.APPROVED, 1, None)),
        (waiting("gm", said(1, "sales"), said(1, "finance")), RETURN, Move(State.RETURNED, 1, None)),
        # Round 2 of an unchanged case: sales' approval carries it straight on to the GM.
        (
            waiting("finance", said(1, "sales"), said(1, "finance", RETURN), round_=2),
            APPROVE,
            Move(State.IN_APPROVAL, 2, "gm"),
        ),
    ],
)
def test_where_a_verdict_leads(case: Case, verdict: Verdict, move: Move) -> None:
    assert approval.decide(OPENING, case, verdict, HASHES) == move


def test_nobody_waiting_nothing_to_approve() -> None:
    with pytest.raises(ValueError, match="waits for nobody"):
        approval.decide(OPENING, Case(State.DRAFT, 0, None), APPROVE, HASHES)


# Who may -----------------------------------------------------------------------------------------


def clauses(refusals: tuple[object, ...]) -> list[str]:
    return [refusal.clause for refusal in refusals]  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", list(State))
def test_what_may_be_done_in_each_state(state: State) -> None:
    case = Case(state, 1, "sales" if state is State.IN_APPROVAL else None, (), {AUTHOR: "submit"})
    editable = state in (State.DRAFT, State.RETURNED, State.WITHDRAWN)
    assert (approval.may_submit(case, AUTHOR) == ()) is editable
    assert (approval.may_discard(case, AUTHOR) == ()) is editable
    assert (approval.may_withdraw(case, AUTHOR) == ()) is (state is State.IN_APPROVAL)
    assert (approval.may_decide(OPENING, case, "sales", SELLER) == ()) is (state is State.IN_APPROVAL)


@pytest.mark.parametrize(
    ("person", "submits", "discards", "withdraws"),
    [(AUTHOR, True, True, True), (OTHER, True, True, False), (SELLER, False, False, False)],
)
def test_who_may_submit_discard_and_withdraw(person: int, submits: bool, discards: bool, withdraws: bool) -> None:
    seats = {AUTHOR: "submit", SELLER: "sales"}
    assert (approval.may_submit(Case(State.RETURNED, 1, None, (), seats), person) == ()) is submits
    assert (approval.may_discard(Case(State.RETURNED, 1, None, (), seats), person) == ()) is discards
    assert (approval.may_withdraw(Case(State.IN_APPROVAL, 1, "gm", (), seats), person) == ()) is withdraws


@pytest.mark.parametrize(
    ("step", "person", "principal", "free"),
    [
        ("sales", SELLER, None, True),
        ("sales", AUTHOR, None, False),  # own application
        ("sales", OTHER, AUTHOR, False),  # for whoever submitted
        ("sales", AUTHOR, SELLER, False),  # whoever submitted, for another
        ("finance", AUDITOR, None, True),
        ("finance", SELLER, None, False),  # decided sales already
        ("finance", SELLER, AUDITOR, False),
        ("finance", OTHER, SELLER, False),  # in the name of whoever decided sales
        ("finance", OTHER, AUDITOR, True),
    ],
)
def test_four_eyes_count_people_also_behind_a_stand_in(
    step: str, person: int, principal: int | None, free: bool
) -> None:
    case = waiting(step, said(1, "sales"), seller=SELLER) if step == "finance" else waiting(step)
    assert (approval.may_decide(OPENING, case, step, person, principal) == ()) is free


def test_a_step_decided_before_is_the_same_persons_again_in_the_next_round() -> None:
    case = waiting("finance", said(1, "sales"), said(1, "finance", RETURN), round_=2, seller=SELLER, auditor=AUDITOR)
    assert approval.may_decide(OPENING, case, "finance", AUDITOR) == ()
    assert approval.may_decide(OPENING, case, "finance", OTHER) == ()
    assert clauses(approval.may_decide(OPENING, case, "finance", SELLER)) == ["CHEM-7.2"]


def test_a_decision_on_another_step_than_the_waiting_one_is_a_conflict_that_names_it() -> None:
    (refusal,) = approval.may_decide(OPENING, waiting("finance", seller=SELLER), "sales", OTHER)
    assert refusal.clause == "conflict"
    assert "finance department" in str(refusal.reason)


def test_all_refusals_are_told_at_once_and_none_twice() -> None:
    case = replace(waiting("finance", seller=SELLER), state=State.APPROVED, step=None)
    assert clauses(approval.may_decide(OPENING, case, "finance", AUTHOR, AUTHOR)) == ["conflict", "CHEM-7.2"]
    assert clauses(approval.may_decide(OPENING, case, "finance", SELLER, AUTHOR)) == [
        "conflict",
        "CHEM-7.2",
        "CHEM-7.2",
    ]
    assert clauses(approval.may_withdraw(case, OTHER)) == ["conflict", "CHEM-7.2"]


# How a chain may be written ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (FINANCE, FINANCE),
        (replace(FINANCE, key="submit"),),
        (replace(SALES, scoped=False),),  # a regional office asked without its region
        (replace(FINANCE, scoped=True),),  # a region asked of an office that has none
    ],
)
def test_a_chain_that_makes_no_sense_is_refused_where_it_is_written(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="wrong"):
        Chain("wrong", "CHEM-7.2", "wrong", steps)


def test_steps_are_found_by_key() -> None:
    assert OPENING.step("gm") is GM
    with pytest.raises(KeyError):
        OPENING.step("nobody")


def test_states_and_verdicts_have_words_and_meet_once() -> None:
    assert set(approval.STATE_LABELS) == set(State)
    assert set(approval.VERDICT_LABELS) == set(Verdict)
    assert not approval.EDITABLE & approval.ENDED
    assert approval.EDITABLE | approval.ENDED | {State.IN_APPROVAL} == set(State)


@pytest.mark.parametrize("content", [CONTENT, {}, {**CONTENT, "remarks": "“新”\n"}, {"papers": [{"b": 1, "a": None}]}])
def test_a_hash_is_that_of_the_groups_written_out_together(content: dict[str, object]) -> None:
    """Written out once for all the steps, and still the digest of one object: what was stored before keeps its hash."""
    whole, by_step = approval.hashes_of(OPENING, content)
    assert whole == approval.digest(content)
    assert by_step == {
        step.key: approval.digest({group: content.get(group) for group in step.examines}) for step in OPENING.steps
    }
