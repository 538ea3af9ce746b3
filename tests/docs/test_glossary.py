"""The glossary has one line a word, and names only what the program really calls so."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from tests.docs.rulebook import ROOT


class Entry(NamedTuple):
    chinese: str
    english: str
    in_code: str
    meaning: str


def entries() -> list[Entry]:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert {len(row) for row in rows} == {4}
    return [Entry(*row) for row in rows if row[0] != "中文" and not row[0].startswith("---")]


def test_no_word_has_two_lines() -> None:
    chinese = Counter(word for entry in entries() for word in entry.chinese.split("、"))
    english = Counter(entry.english for entry in entries())
    assert [word for word, times in (chinese + english).items() if times > 1] == []


def test_every_line_has_both_languages() -> None:
    for entry in entries():
        assert re.search(r"[\u4e00-\u9fff]", entry.chinese), entry
        assert re.fullmatch(r"[A-Za-z' -]+", entry.english), entry


def test_names_in_code_are_in_the_code() -> None:
    program = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tierflow").rglob("*.py"))
    words = set(re.findall(r"\w+", program))
    named = {entry.in_code.strip("`") for entry in entries() if entry.in_code}
    assert len(named) > 40
    assert sorted(named - words) == []
