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
    SQLAlchemy asks for cursors; `execute` of the connection itself is the reading side's, and stays so.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "isolation_level": None})
        self._asked = args, {**options, "factory": sqlite3.Connection, "isolation_level": None}
        self._writer: sqlite3.Connection | None = None
        self._meant: sqlite3.Connection | None = None  # the writer; None: this one
        _set(super().cursor(), *SETTINGS, "query_only=ON")

    def turn(self, *, writing: bool) -> None:
        """Mean the side that writes, or the one that reads, in the transaction about to begin."""
        if writing and self._writer is None:
            args, options = self._asked
            writer = sqlite3.connect(*args, **options)
            try:
                _set(writer.cursor(), *SETTINGS)
            except BaseException:  # one without foreign keys and triggers must never serve
                writer.close()
                raise
            self._writer = writer
        self._meant = self._writer if writing else None

    def cursor(self, *args: Any) -> Any:
        """A cursor of the side that is meant."""
        return super().cursor(*args) if self._meant is None else self._meant.cursor(*args)

    def commit(self) -> None:
        """Commit the side that is meant; mean the one that reads."""
        if self._meant is None:
            super().commit()
        else:
            self._meant.commit()
            self._meant = None

    def rollback(self) -> None:
        """Roll the side that is meant back; mean the one that reads, whatever becomes of it."""
        meant, self._meant = self._meant, None
        if meant is None:
            super().rollback()
        else:
            meant.rollback()

    def close(self) -> None:
        """Close both."""
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            super().close()


def _set(cursor: sqlite3.Cursor, *settings: str) -> None:
    for setting in settings:
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
