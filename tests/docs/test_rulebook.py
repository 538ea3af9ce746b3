"""The rulebook, the tests that claim its rules, and the rooms where they live say the same."""

from __future__ import annotations

import re

import pytest

from tests.docs import rulebook
from tests.docs.rulebook import BOOK, IN_FORCE, ROOT, RULE_ID, Claim, all_claims, claims_in, contradictions, read_book

THE_BOOK = read_book(BOOK.read_text(encoding="utf-8"))


def test_statuses_and_tests_agree() -> None:
    assert contradictions(THE_BOOK, all_claims()) == []


def test_every_rule_has_its_words_and_its_room() -> None:
    assert len(THE_BOOK.rules) == 114
    for rule in THE_BOOK.rules.values():
        assert rule.rule, rule
        assert rule.reading, rule
        assert re.fullmatch(r"tierflow/[a-z]+(/[a-z_/]+(\.py)?)?", rule.room), rule


def test_no_article_is_missing() -> None:
    for prefix, sections in (("CHEM", range(2, 19)), ("CMTE", range(1, 4)), ("PROP", range(1, 10))):
        found = {int(id_.split("-")[1].split(".")[0]) for id_ in THE_BOOK.rules if id_.startswith(prefix)}
        assert found == set(sections), prefix


@pytest.mark.parametrize("id_", [rule.id for rule in THE_BOOK.rules.values() if rule.status == IN_FORCE])
def test_one_search_finds_the_room_of_a_rule_in_force(id_: str) -> None:
    room = ROOT / THE_BOOK.rules[id_].room
    assert room.exists(), f"{id_} lives in {room}, which is not there"
    assert id_ in rulebook.ids_named_in(room), f"no docstring in {room} names {id_}"


@pytest.mark.parametrize(("id_", "where"), THE_BOOK.ground.items())
def test_ground_that_is_laid_is_found_where_the_book_says(id_: str, where: str) -> None:
    place = ROOT / where
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert any(id_ in file.read_text(encoding="utf-8") for file in files)


def test_the_program_names_only_rules_of_the_book() -> None:
    unknown = {
        f"{path.relative_to(ROOT)}: {id_}"
        for folder in ("tierflow", "jobs")
        for path in (ROOT / folder).rglob("*.py")
        for id_ in RULE_ID.findall(path.read_text(encoding="utf-8"))
        if id_ not in THE_BOOK.rules and not any(known.startswith(f"{id_}.") for known in THE_BOOK.rules)
    }
    assert unknown == set()


SAMPLE = read_book(
    """
| CHEM-1.1 | a | b | in force | `tierflow/kernel` |
| CHEM-1.2 | a | b | planned | `tierflow/kernel` |
| CHEM-1.3 | a | b | planned | `tierflow/kernel` |

## Ground laid

| CHEM-1.3 | half of it | `tierflow/kernel` |
"""
)
PROVEN = Claim("rule", "CHEM-1.1", "t.py:1")
LAID = Claim("groundwork", "CHEM-1.3", "t.py:2")


@pytest.mark.parametrize(
    ("claims", "complaint"),
    [
        ([LAID], "CHEM-1.1 is in force, but no test proves it"),
        ([PROVEN], "no test marked groundwork proves CHEM-1.3"),
        ([PROVEN, LAID, Claim("rule", "CHEM-1.2", "t.py:3")], "t.py:3: CHEM-1.2 is planned"),
        ([PROVEN, LAID, Claim("rule", "CHEM-1.3", "t.py:3")], "t.py:3: CHEM-1.3 is planned"),
        ([PROVEN, LAID, Claim("rule", "CHEM-1.9", "t.py:3")], "t.py:3: CHEM-1.9 is not in the rulebook"),
        ([LAID, Claim("groundwork", "CHEM-1.1", "t.py:3")], "CHEM-1.1 is in force, but no test proves it"),
        ([PROVEN, LAID, Claim("groundwork", "CHEM-1.2", "t.py:3")], "CHEM-1.2 is not listed under Ground laid"),
    ],
)
def test_each_disagreement_is_named(claims: list[Claim], complaint: str) -> None:
    found = contradictions(SAMPLE, claims)
    assert len(found) == 1
    assert complaint in found[0]


def test_agreement_is_silent() -> None:
    assert contradictions(SAMPLE, [PROVEN, LAID]) == []
    assert contradictions(SAMPLE, [PROVEN, LAID, Claim("groundwork", "CHEM-1.1", "t.py:3")]) == []


def test_markers_are_read_wherever_they_stand() -> None:
    source = """
import pytest
pytestmark = pytest.mark.rule("CHEM-1.1")

@pytest.mark.rule("CHEM-1.2", "CHEM-1.3")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.groundwork("CHEM-1.4"))])
def test_x(x): ...

@pytest.mark.rule(SOME_ID)
def test_y(): ...
"""
    assert sorted(claims_in(source, "t.py")) == [
        Claim("groundwork", "CHEM-1.4", "t.py:6"),
        Claim("rule", "CHEM-1.1", "t.py:3"),
        Claim("rule", "CHEM-1.2", "t.py:5"),
        Claim("rule", "CHEM-1.3", "t.py:5"),
        Claim("rule", "SOME_ID", "t.py:9"),
    ]


def test_an_id_given_twice_is_refused() -> None:
    row = "| CHEM-1.1 | a | b | planned | `tierflow/kernel` |\n"
    with pytest.raises(ValueError, match=r"CHEM-1\.1 stands twice"):
        read_book(row * 2)
