from datetime import date, time

import pytest

from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.policy import (
    Change,
    MissingPolicyValue,
    NoPolicyInForce,
    Policy,
    Term,
    Terms,
    check,
    difference,
    distinct,
    every,
    in_force,
    is_kind,
    not_empty,
    one_of,
)
from tierflow.kernel.text import text

TERMS = Terms(
    [
        Term("a.count", "integer", 3, "CHEM-1", "Count", "days", minimum=1, maximum=10),
        Term("a.open", "flag", True, "CHEM-1", "Open"),
        Term("a.name", "word", "profile A", "CHEM-1", "Name"),
        Term("a.at", "time", "17:30", "CHEM-1", "Closing time"),
        Term("a.steps", "integers", (60, 30, 7), "CHEM-1", "Steps", minimum=1, check=every(not_empty, distinct)),
        Term("a.roles", "words", ("x", "y"), "CHEM-1", "Roles", maximum=None, check=one_of("x", "y", "z")),
    ]
)


def policy(version=1, in_force_from=date(2026, 1, 1), **changes) -> Policy:
    values = TERMS.defaults() | {key.replace("_", "."): value for key, value in changes.items()}
    return Policy(version, in_force_from, values, drafter="sales department", source="built in")


def test_typed_getters_give_each_kind():
    version = policy(a_steps=[60, 30, 7], a_roles=["x", "y"])
    assert version.integer("a.count") == 3
    assert version.flag("a.open") is True
    assert version.word("a.name") == "profile A"
    assert version.time("a.at") == time(17, 30)
    assert version.integers("a.steps") == (60, 30, 7)
    assert version.words("a.roles") == ("x", "y")
    assert version.value("a.at") == "17:30"


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize("getter", ["integer", "flag", "word", "time", "integers", "words", "value"])
def test_a_missing_value_is_an_error_never_a_default(getter):
    with pytest.raises(MissingPolicyValue) as missing:
        getattr(policy(version=4), getter)("a.absent")
    assert missing.value.key == "a.absent"
    (refusal,) = missing.value.refusals
    assert (refusal.clause, str(refusal.reason)) == ("CHEM-18", "Policy version 4 has no value for a.absent.")
    assert isinstance(missing.value, Refused)


@pytest.mark.parametrize(
    ("getter", "key"),
    [
        ("integer", "a.open"),  # True is no 1
        ("integer", "a.name"),
        ("flag", "a.count"),
        ("word", "a.count"),
        ("time", "a.name"),
        ("integers", "a.roles"),
        ("words", "a.steps"),
        ("words", "a.name"),
    ],
)
def test_a_value_of_another_kind_is_an_error(getter, key):
    with pytest.raises(TypeError, match=key):
        getattr(policy(), getter)(key)


def test_a_version_cannot_be_changed():
    steps = [60, 30]
    version = policy(a_steps=steps)
    steps.append(7)
    assert version.integers("a.steps") == (60, 30)
    with pytest.raises(TypeError):
        version.values["a.count"] = 4
    with pytest.raises(AttributeError):
        version.version = 2
    assert version == policy(a_steps=(60, 30))
    assert len({version, policy(a_steps=(60, 30))}) == 1


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("on", "version"),
    [
        (date(2026, 1, 1), 1),
        (date(2026, 10, 31), 1),
        (date(2026, 11, 1), 4),  # two from one day: the higher version
        (date(2026, 11, 30), 4),
        (date(2026, 12, 1), 2),  # numbered earlier, in force later
        (date(2030, 1, 1), 2),
    ],
)
def test_the_version_in_force_is_the_latest_begun(on, version):
    november, december = date(2026, 11, 1), date(2026, 12, 1)
    versions = [policy(2, december), policy(4, november), policy(1), policy(3, november)]
    assert in_force(versions, on).version == version


@pytest.mark.rule("CHEM-18")
def test_no_version_in_force_is_an_error():
    with pytest.raises(NoPolicyInForce, match="2025-12-31"):
        in_force([policy()], date(2025, 12, 31))
    with pytest.raises(NoPolicyInForce):
        in_force([], date(2026, 1, 1))


@pytest.mark.parametrize(
    ("kind", "value", "sound"),
    [
        ("integer", 0, True),
        ("integer", True, False),
        ("integer", 3.0, False),
        ("integer", "3", False),
        ("integer", None, False),
        ("flag", False, True),
        ("flag", 0, False),
        ("word", "x", True),
        ("word", " ", False),
        ("word", 1, False),
        ("time", "00:00", True),
        ("time", "23:59", True),
        ("time", "24:00", False),
        ("time", "17:60", False),
        ("time", "9:00", False),
        ("time", "17:30:00", False),
        ("time", time(17, 30), False),
        ("integers", [], True),
        ("integers", (1, 2), True),
        ("integers", [1, True], False),
        ("integers", [1, "2"], False),
        ("integers", 1, False),
        ("words", ["x"], True),
        ("words", [""], False),
        ("words", "xy", False),
        ("words", {"x": 1}, False),
    ],
)
def test_kinds_are_told_apart(kind, value, sound):
    assert is_kind(kind, value) is sound


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("a.count", 0, "Count: at least 1."),
        ("a.count", 1, None),
        ("a.count", 10, None),
        ("a.count", 11, "Count: at most 10."),
        ("a.count", "3", "Count: this must be a whole number."),
        ("a.open", 1, "Open: this must be yes or no."),
        ("a.name", "", "Name: this must be a text that is not blank."),
        ("a.at", "25:00", "Closing time: this must be a time of day such as 17:30."),
        ("a.steps", [30, 0], "Steps: at least 1."),
        ("a.steps", [], "The list must not be empty."),
        ("a.steps", [7, 7], "The list names something twice."),
        ("a.steps", [7], None),
        ("a.roles", ["x", "q", "r"], "Not allowed: q, r."),
        ("a.roles", [], None),
        ("a.roles", [3], "Roles: this must be a list of words."),
    ],
)
def test_one_value_is_checked_by_its_term(key, value, reason):
    found = check(TERMS.defaults() | {key: value}, TERMS)
    assert [(r.clause, r.field, str(r.reason)) for r in found] == ([("CHEM-18", key, reason)] if reason else [])


@pytest.mark.rule("CHEM-18")
def test_everything_wrong_is_collected():
    found = check(
        {"a.count": 0, "a.open": "yes", "b.strange": 1, "a.name": "x", "a.at": "17:30", "a.steps": [1]}, TERMS
    )
    assert [(r.field, str(r.reason)) for r in found] == [
        ("b.strange", "There is no policy value of this name: b.strange."),
        ("a.count", "Count: at least 1."),
        ("a.open", "Open: this must be yes or no."),
        ("a.roles", "Roles: a value is missing."),
    ]


def test_values_are_checked_against_each_other_once_each_is_sound():
    def ascending(draft: Policy) -> tuple[Refusal, ...]:
        if draft.integer("low") < draft.integer("high"):
            return ()
        return (Refusal("CHEM-18", text("Bands overlap."), "high"),)

    bands = Terms(
        [Term(key, "integer", n, "CHEM-9.4", key) for key, n in (("low", 1), ("high", 2))], checks=[ascending]
    )
    assert check({"low": 1, "high": 2}, bands) == ()
    assert [str(r.reason) for r in check({"low": 2, "high": 2}, bands)] == ["Bands overlap."]
    assert [r.field for r in check({"low": "2", "high": 2}, bands)] == ["low"]
    assert [str(r.reason) for r in check(TERMS.defaults() | {"low": 2, "high": 2}, TERMS | bands)] == ["Bands overlap."]


def test_a_catalogue_refuses_a_key_given_twice():
    again = Term("a.count", "integer", 1, "house", "Again")
    with pytest.raises(ValueError, match=r"a\.count is defined twice"):
        Terms([again, again])
    with pytest.raises(ValueError, match=r"a\.count is defined twice"):
        assert TERMS | Terms([again])


def test_a_catalogue_is_a_mapping():
    assert TERMS["a.count"].clause == "CHEM-1"
    assert list(TERMS)[:2] == ["a.count", "a.open"]
    assert len(TERMS | Terms([])) == len(TERMS) == 6
    assert "a.absent" not in TERMS


@pytest.mark.parametrize(("kind", "default", "minimum"), [("integer", "3", None), ("integer", 0, 1), ("flag", 1, None)])
def test_a_default_that_would_be_refused_is_a_mistake_of_ours(kind, default, minimum):
    with pytest.raises(ValueError, match=r"the default of a\.x"):
        Term("a.x", kind, default, "house", "X", minimum=minimum)


@pytest.mark.groundwork("CMTE-2.1")
def test_the_difference_lists_what_changed_was_added_and_was_dropped():
    old, new = policy(1), policy(2, a_count=5, a_steps=[60, 7, 30], b_new=False)
    assert difference(old, new) == (
        Change("a.count", 3, 5),
        Change("a.steps", (60, 30, 7), (60, 7, 30)),
        Change("b.new", None, False),
    )
    assert difference(new, old)[-1] == Change("b.new", False, None)
    assert difference(old, policy(9, a_steps=[60, 30, 7])) == ()
