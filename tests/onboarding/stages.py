"""The stage of the tests of account opening: one transaction and the company in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.notices import Notice
from tierflow.kernel.errors import Refused
from tierflow.onboarding import service
from tierflow.onboarding.models import Application


@dataclass
class Stage:
    """One transaction's session, and the company."""

    session: Session
    place: scenes.Company

    def actor(self, who: str) -> Any:
        return self.place.actor(self.session, who)

    def state(self, application: Application) -> tuple[str, int, str | None]:
        case = service.case_of(self.session, application.id)
        return case.state, case.round, case.step

    def told(self, kind: str) -> set[str]:
        names = {user.id: name for name, user in self.place.users.items()}
        rows = self.session.scalars(select(Notice.user_id).where(Notice.kind == f"application.{kind}"))
        return {names.get(user_id, "?") for user_id in rows}

    def save(self, application: Application, who: str = "li", **data: Any) -> Application:
        actor, version = self.actor(who), application.version
        return service.save_draft(self.session, actor, application.id, data, NOW, seen_version=version)


def refused(error: pytest.ExceptionInfo[Refused]) -> list[tuple[str, str | None]]:
    return [(refusal.clause, refusal.field) for refusal in error.value.refusals]
