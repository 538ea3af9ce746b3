"""A customer whose licence has an end, and what people do with its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.approvals import Seen
from tierflow.common.db import transaction
from tierflow.common.suspension import suspended
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.onboarding.models import Application
from tierflow.onboarding.service import drafts, examining, papers, renewing

ENDS = date(2026, 11, 30)  # the licence's last valid day


def admitted(session: Session, place: scenes.Company, number: int = 1, ends: date | None = ENDS) -> int:
    """A customer approved through the whole chain; its merged licence ends then. The customer's id."""
    actor = place.actor(session, "li")
    data = scenes.particulars(place, number)
    data["lines"] = scenes.lines((place.polyolefin, "dealer"))
    data["checks"] = scenes.answers("dealer")
    application = drafts.create_draft(session, actor, NOW, data)
    printed = scenes.printed(data["credit_code"], valid_to=ends, is_long_term=ends is None)
    papers.add_paper(session, actor, application.id, "merged_licence", scan(), printed, NOW)
    papers.add_paper(session, actor, application.id, "annex1_signed", Upload("表.pdf", scenes.pdf()), {}, NOW)
    scenes.hand_in(session, place, application)
    for who in ("sales", "finance", "gm"):
        scenes.approve(session, place, application, who)
    found = session.get_one(Application, application.id).customer_id
    assert found is not None
    return found


def scan() -> Upload:
    return Upload("营业执照.png", scenes.png())


def licence(number: int = 1, **changed: Any) -> dict[str, Any]:
    """What is printed on the new licence."""
    return {
        "number": scenes.credit_code(number),
        "issuer": "上海市市场监督管理局",
        "valid_from": date(2020, 1, 1),
        "valid_to": date(2036, 11, 30),
        "is_long_term": False,
        **changed,
    }


@dataclass
class File:
    """One customer's file, and people working in it at given moments."""

    app: Flask
    place: scenes.Company
    customer: int

    def renew(self, now: datetime, *, who: str = "li", is_proof: bool = False, **printed: Any) -> int:
        data = {"valid_to": printed["valid_to"]} if is_proof else licence(**printed)
        with self.app.app_context(), transaction() as session:
            actor = self.place.actor(session, who, now)
            kind = "merged_licence"
            return renewing.renew(session, actor, self.customer, kind, data, scan(), now, is_proof=is_proof).id

    def decide(self, renewal: int, who: str, now: datetime, verdict: str = "approve", reason: str = "") -> None:
        with self.app.app_context(), transaction() as session:
            case = examining.case_of(session, (renewing.SUBJECT, renewal))
            seen = Seen(case.version, case.step or "")
            actor = self.place.actor(session, who, now)
            renewing.decide(session, actor, renewal, seen, Verdict(verdict), now, reason=reason)

    def accept(self, renewal: int, now: datetime) -> None:
        for who in ("sales", "finance"):
            self.decide(renewal, who, now)

    def is_suspended(self, now: datetime) -> bool:
        with self.app.app_context(), transaction() as session:
            return bool(suspended(session, [self.customer], local_day(now)))


def opened(app: Flask) -> File:
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        return File(app, place, admitted(session, place))
