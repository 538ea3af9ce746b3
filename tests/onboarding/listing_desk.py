"""The desk at which companies are put on the list of the disqualified and taken off it (CHEM-17)."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from tests.conftest import NOW, StandingClock
from tests.onboarding import keeping, scenes
from tests.onboarding.scenes import credit_code
from tierflow.common.approvals import Seen
from tierflow.common.db import db, transaction
from tierflow.common.imports import ImportBatch, service, work
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.onboarding.models import Disqualified, Listing
from tierflow.onboarding.service import blacklist, disqualifying, matching
from tierflow.onboarding.service.older_list import OLDER_LIST

SEEN = Seen(version=1, step="management")
TODAY = local_day(NOW)


def told(**changed: Any) -> dict[str, Any]:
    return {
        "name": "旧案化工有限公司",
        "former_names": "旧案贸易有限公司\n旧案石化有限公司",
        "credit_code": credit_code(77),
        "legal_representative": "钱某",
        "ground": "fraud",
        "facts": "2018年提供虚假营业执照",
        "since": date(2018, 5, 1),
        **changed,
    }


class Desk:
    """The steps, by name of who does them."""

    def __init__(self, clock: StandingClock) -> None:
        self.clock = clock
        with transaction() as session:
            self.place = scenes.company(session)

    def enter(self, who: str = "sales", **changed: Any) -> int:
        with transaction() as session:
            actor = self.place.actor(session, who)
            return blacklist.enter(session, actor, told(**changed), keeping.scan(), NOW).id

    def strike(self, disqualified_id: int, who: str = "sales") -> int:
        with transaction() as session:
            actor = self.place.actor(session, who)
            return blacklist.strike(session, actor, disqualified_id, "已查清，另有其人", None, NOW).id

    def decide(self, listing: int, who: str = "gm", verdict_: str = "approve", reason: str = "") -> None:
        with transaction() as session:
            actor = self.place.actor(session, who)
            blacklist.decide(session, actor, listing, SEEN, Verdict(verdict_), NOW, reason=reason)

    def disqualify(self, number: int) -> None:
        with transaction() as session:
            customer = keeping.admitted(session, self.place, number)
            actor = self.place.actor(session, "sales")
            told = {"ground": "fraud", "facts": "提供虚假营业执照"}
            found = disqualifying.propose(session, actor, customer, told, keeping.scan(), NOW)
            disqualifying.decide(session, self.place.actor(session, "gm"), found.id, SEEN, Verdict.APPROVE, NOW)

    def listed(self) -> list[Disqualified]:
        db.session().rollback()
        return list(db.session().scalars(select(Disqualified).order_by(Disqualified.id)))

    def fields(self, **typed: Any) -> set[str]:
        """In which fields what was typed agrees with the list."""
        db.session().rollback()
        actor = self.place.actor(db.session(), "li")
        found = matching.find_matches(db.session(), actor, typed)
        return {match.field for match in found if match.source == "disqualified"}

    def upload(self, *rows: dict[str, Any], content: bytes | None = None) -> ImportBatch:
        heads = ("客户名称", "曾用名", "信用代码", "法定代表人", "事由", "情况说明", "列入日期")
        keys = ("name", "former_names", "credit_code", "legal_representative", "ground", "facts", "since")
        lines = [",".join(heads), *[",".join(str(row.get(key) or "") for key in keys) for row in rows]]
        with transaction() as session:
            actor = self.place.actor(session, "sales")
            file = content or "\n".join(lines).encode("gb18030")
            batch_id = service.receive(session, actor, OLDER_LIST, "黑名单.csv", file, NOW, spoken=str).id
            batch = session.get_one(ImportBatch, batch_id)
            service.set_mapping(session, actor, OLDER_LIST, batch_id, batch.mapping, NOW)
        self.work()
        return self.batch(batch_id)

    def work(self) -> None:
        work.work_off(self.clock, pause=0)

    def batch(self, batch_id: int) -> ImportBatch:
        db.session().rollback()
        batch = db.session().get_one(ImportBatch, batch_id, populate_existing=True)
        db.session().expunge(batch)
        return batch

    def act(self, who: str, verb: Any, batch_id: int, *args: Any) -> ImportBatch:
        with transaction() as session:
            verb(session, self.place.actor(session, who), OLDER_LIST, batch_id, *args, NOW)
        self.work()
        return self.batch(batch_id)


def outcomes() -> list[str | None]:
    """What was decided on the proposals."""
    db.session().rollback()
    return list(db.session().scalars(select(Listing.outcome).order_by(Listing.id)))


def row(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "name": f"旧名单第{number}有限公司",
        "credit_code": credit_code(20_000_000 + number),
        "legal_representative": f"吴{number}",
        "ground": "失信",
        "facts": "合同欺诈",
        "since": "2019/3/1",
        **changed,
    }
