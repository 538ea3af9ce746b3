"""Reads docs/rulebook.md, the markers of the tests and the docstrings of the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs" / "rulebook.md"
IN_FORCE, PLANNED = "in force", "planned"
RULE_ID = re.compile(r"(?:CHEM-|CMTE-|PROP-|REG-[ABC]-)\d+(?:\.\d+)*")
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Rule:
    """One line of the book."""

    id: str
    rule: str
    reading: str
    status: str
    room: str


@dataclass(frozen=True)
class Book:
    """The rules by id, and the ids under "Ground laid" with the file each names."""

    rules: Mapping[str, Rule]
    ground: Mapping[str, str]


class Claim(NamedTuple):
    """A marker in a test: `rule` or `groundwork`, the id it names, and where."""

    marker: str
    id: str
    place: str


def read_book(markdown: str) -> Book:
    """The book from its tables. Raises `ValueError` for an id given twice or a line of another width."""
    rules: dict[str, Rule] = {}
    ground: dict[str, str] = {}
    for line in markdown.splitlines():
        cells = [cell.strip() for cell in _CELLS.split(line)[1:-1]]
        if not cells or not RULE_ID.fullmatch(cells[0]):
            continue
        where = cells[-1].strip("`")
        if len(cells) == 5:
            if cells[0] in rules:
                raise ValueError(f"{cells[0]} stands twice in the rulebook")
            rules[cells[0]] = Rule(cells[0], cells[1], cells[2], cells[3], where)
        elif len(cells) == 3:
            ground[cells[0]] = where
        else:
            raise ValueError(f"{cells[0]} has {len(cells)} cells")
    return Book(rules, ground)


def claims_in(source: str, place: str) -> Iterator[Claim]:
    """Every `pytest.mark.rule(...)` and `pytest.mark.groundwork(...)` of a file. Ids must be written out."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        written = ast.unparse(node.func)
        if written not in ("pytest.mark.rule", "pytest.mark.groundwork"):
            continue
        marker = written.rpartition(".")[2]
        if not node.args:
            yield Claim(marker, "", f"{place}:{node.lineno}")
        for argument in node.args:
            id_ = argument.value if isinstance(argument, ast.Constant) else ast.unparse(argument)
            yield Claim(marker, str(id_), f"{place}:{node.lineno}")


def all_claims() -> list[Claim]:
    """The markers of the whole suite."""
    return [
        claim
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for claim in claims_in(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    ]


def contradictions(book: Book, claims: Iterable[Claim]) -> list[str]:
    """Where the book's statuses and the tests' markers say different things."""
    claims = list(claims)
    found = [wrong for claim in claims if (wrong := _wrong_claim(book, claim))]
    proven = {claim.id for claim in claims if claim.marker == "rule"}
    laid = {claim.id for claim in claims if claim.marker == "groundwork"}
    for rule in book.rules.values():
        if rule.status not in (IN_FORCE, PLANNED):
            found.append(f"{rule.id}: {rule.status!r} is no status")
        elif rule.status == IN_FORCE and rule.id not in proven:
            found.append(f"{rule.id} is in force, but no test proves it")
    for id_ in book.ground:
        if id_ not in book.rules:
            found.append(f"Ground laid: {id_} is not in the rulebook")
        elif book.rules[id_].status == IN_FORCE:
            found.append(f"Ground laid: {id_} is in force by now")
        elif id_ not in laid:
            found.append(f"Ground laid: no test marked groundwork proves {id_}")
    return found


def _wrong_claim(book: Book, claim: Claim) -> str | None:
    rule = book.rules.get(claim.id)
    if rule is None:
        return f"{claim.place}: {claim.id or 'nothing'} is not in the rulebook"
    if rule.status == IN_FORCE:
        return None
    if claim.marker == "rule":
        return f"{claim.place}: {claim.id} is {rule.status}; mark a proven part with groundwork"
    if claim.id not in book.ground:
        return f"{claim.place}: {claim.id} is not listed under Ground laid"
    return None


def docstrings_of(source: str) -> Iterator[str]:
    """The docstrings of a module and of everything in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def ids_named_in(room: Path) -> set[str]:
    """The rule ids that docstrings of a file, or of the files of a folder, name."""
    files = [room] if room.is_file() else sorted(room.rglob("*.py"))
    return {
        id_
        for file in files
        for docstring in docstrings_of(file.read_text(encoding="utf-8"))
        for id_ in RULE_ID.findall(docstring)
    }


if __name__ == "__main__":  # python -m tests.docs.rulebook: what does not agree, line by line
    for line in contradictions(read_book(BOOK.read_text(encoding="utf-8")), all_claims()):
        print(line)
