"""SQLite as one connection with two sides: one that the database keeps from writing, one for what may write.

One connection turned to and fro with `PRAGMA query_only` would do, but each turn makes SQLite forget all statements it
has prepared: whatever a request that writes says would be parsed anew.
"""

from __future__ import annotations

import sqlite3
from typing import Any

SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "busy_timeout=15000",
    "cache_size=-65536",
    "wal_autocheckpoint=4000",  # pages: 16 MB are laid back at once, so that fewer of them twice
)


class TwoSided(sqlite3.Connection):
    """A connection that reads, and holds another that writes, opened when first wanted.

    The one that reads is meant unless `turn` said otherwise, until the transaction ends. We say BEGIN ourselves.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "isolation_level": None})
        self._asked = args, {**options, "factory": sqlite3.Connection, "isolation_level": None}
        self._writer: sqlite3.Connection | None = None
        self._is_writing = False
        _set(super().cursor(), *SETTINGS, "query_only=ON")

    def turn(self, *, writing: bool) -> None:
        """Mean the side that writes, or the one that reads, in the transaction about to begin."""
        if writing and self._writer is None:
            args, options = self._asked
            self._writer = sqlite3.connect(*args, **options)
            _set(self._writer.cursor(), *SETTINGS)
        self._is_writing = writing

    def cursor(self, *args: Any) -> Any:
        """A cursor of the side that is meant."""
        if self._is_writing and self._writer is not None:
            return self._writer.cursor(*args)
        return super().cursor(*args)

    def commit(self) -> None:
        """Commit the side that is meant; mean the one that reads."""
        if self._is_writing and self._writer is not None:
            self._writer.commit()
        else:
            super().commit()
        self._is_writing = False

    def rollback(self) -> None:
        """Roll the side that is meant back; mean the one that reads."""
        if self._is_writing and self._writer is not None:
            self._writer.rollback()
        else:
            super().rollback()
        self._is_writing = False

    def close(self) -> None:
        """Close both."""
        if self._writer is not None:
            self._writer.close()
        super().close()


def _set(cursor: sqlite3.Cursor, *settings: str) -> None:
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
