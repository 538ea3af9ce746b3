"""What has ended and proves nothing is deleted, in chunks with pauses: nobody's save waits for it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.common.db import Model, capped_count, db, transaction
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.sessions import LoginAttempt, UserSession

CHUNK = 500
KEYS_KEPT = timedelta(days=7)  # a form sent again after a week is a new one
ATTEMPTS_KEPT = timedelta(days=2)  # the throttle looks a day back at most
COUNTED_TO = 10_000


def _ended(now: datetime) -> list[tuple[type[Model], list[Any], Any]]:
    """Tables, their key columns, and the keys of what has ended."""
    return [
        (UserSession, [UserSession.id], select(UserSession.id).where(UserSession.expires_at < now)),
        (
            IdempotencyKey,
            [IdempotencyKey.user_id, IdempotencyKey.key],
            select(IdempotencyKey.user_id, IdempotencyKey.key).where(IdempotencyKey.at < now - KEYS_KEPT),
        ),
        (LoginAttempt, [LoginAttempt.id], select(LoginAttempt.id).where(LoginAttempt.at < now - ATTEMPTS_KEPT)),
    ]


def count(session: Session, errand: Errand) -> int:
    """How many rows have ended, counted no further than ten thousand a table."""
    return sum(capped_count(session, keys, COUNTED_TO) for _, _, keys in _ended(errand.now))


def sweep(errand: Errand) -> Result:
    """Delete expired sessions, old idempotency keys and login attempts."""
    deleted = {}
    for table, columns, keys in _ended(errand.now):
        name = table.__tablename__
        deleted[name] = 0
        while True:
            with transaction(db.session()) as session:
                found = [tuple(row) for row in session.execute(keys.limit(CHUNK))]
                if found:
                    session.execute(delete(table).where(tuple_(*columns).in_(found)))
            deleted[name] += len(found)
            if len(found) < CHUNK:
                break
            time.sleep(errand.setup.pause)
    return deleted
