"""Duties of the timetable whose work is replaced by a row, or a line, that says it was done."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.duty import Duty, Errand, Result
from tierflow.common.sessions import LoginAttempt


class Broken(Exception):
    """A duty that fails today."""


class Probe:
    """A duty of the timetable with its timing and kind of work, its work replaced by a row (or, apart, a line)."""

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.is_broken = False
        self.lines: list[str] = []  # done apart from the database

    def as_duty(self) -> Duty:
        duty = self.duty
        if duty.each is not None:
            return Duty(duty.key, duty.label, duty.timing, items=self.items, each=self.each)
        if duty.apart is not None:
            return Duty(duty.key, duty.label, duty.timing, apart=self.apart)
        return Duty(duty.key, duty.label, duty.timing, whole=self.whole)

    def whole(self, session: Session, errand: Errand) -> Result:
        if self.is_broken:
            raise Broken
        session.add(LoginAttempt(login=self.duty.key, address=str(errand.period), at=errand.now))
        return {}

    def apart(self, errand: Errand) -> Result:
        if self.is_broken:
            raise Broken
        self.lines.append(str(errand.period))
        return {}

    def items(self, session: Session, errand: Errand) -> Sequence[str]:
        """Two things a period to do; asked as a state, so that one done is not asked for again."""
        done = set(session.scalars(select(LoginAttempt.address).where(LoginAttempt.login == self.duty.key)))
        return [item for item in (f"{errand.period}.a", f"{errand.period}.b") if item not in done]

    def each(self, session: Session, errand: Errand) -> Result:
        if self.is_broken and errand.item.endswith("b"):
            raise Broken
        session.add(LoginAttempt(login=self.duty.key, address=errand.item, at=errand.now))
        return {}
