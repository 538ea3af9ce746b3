"""The search box: any part of a name, its pinyin or initials, any code; an index lookup, never a scan."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from pypinyin import lazy_pinyin
from sqlalchemy import Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Exact, Model, insert_rows

LONGEST_KEY = 24


class SearchKey(Model):
    """One ending of one searchable word; a prefix of it is found by the primary key's index."""

    __tablename__ = "search_key"
    __table_args__ = (Index("ix_search_key_key", "key", "subject_type", "subject_id"),)

    subject_type: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Exact, primary_key=True)


def fold(value: str) -> str:
    """Width and case folded, only letters and digits kept."""
    return "".join(c for c in unicodedata.normalize("NFKC", value).casefold() if c.isalnum())


def keys_of(names: Iterable[str], codes: Iterable[str]) -> set[str]:
    """Every ending of each name, of its pinyin by syllable and of its initials; codes from their start and last 6."""
    keys: set[str] = set()
    for name in names:
        word = fold(name)
        keys |= {word[i:][:LONGEST_KEY] for i in range(len(word))}
        syllables = lazy_pinyin(word)
        initials = _initials(word, syllables)
        keys |= {initials[i:][:LONGEST_KEY] for i in range(len(initials))}
        keys |= {"".join(syllables[i:])[:LONGEST_KEY] for i in range(len(syllables))}
    for code in codes:
        word = fold(code)
        keys |= {word[:LONGEST_KEY], word[-6:]}
    return {key for key in keys if key}


def _initials(word: str, syllables: Sequence[str]) -> str:
    """The first letter of each syllable; what is not Chinese stands in the word as it is, and stays whole."""
    found, at = [], 0
    for syllable in syllables:
        is_kept = word.startswith(syllable, at)
        found.append(syllable if is_kept else syllable[:1])
        at += len(syllable) if is_kept else 1
    return "".join(found)


def index(session: Session, subject: tuple[str, int], names: Iterable[str], codes: Iterable[str]) -> None:
    """(Re)write the search keys of a subject, in the transaction that changed it."""
    session.execute(delete(SearchKey).where(SearchKey.subject_type == subject[0], SearchKey.subject_id == subject[1]))
    rows = [{"subject_type": subject[0], "subject_id": subject[1], "key": key} for key in sorted(keys_of(names, codes))]
    insert_rows(session, SearchKey, rows)


def index_new(session: Session, subject_type: str, subjects: Iterable[tuple[int, str, Sequence[str]]]) -> None:
    """Write the search keys of many subjects that have none yet: (id, name, codes)."""
    rows = [
        {"subject_type": subject_type, "subject_id": subject_id, "key": key}
        for subject_id, name, codes in subjects
        for key in sorted(keys_of([name], codes))
    ]
    insert_rows(session, SearchKey, rows)


def matching(subject_type: str, query: str) -> object:
    """A SELECT of the ids of subjects with a key that begins with the query, for use in an IN."""
    word = fold(query)[:LONGEST_KEY]
    return select(SearchKey.subject_id).where(
        SearchKey.key >= word, SearchKey.key < word + "\U0010ffff", SearchKey.subject_type == subject_type
    )
