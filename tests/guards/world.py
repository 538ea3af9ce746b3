"""A company in which every address of the product leads somewhere, and everybody who could ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from tests import builders
from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tierflow.admin.service import factors
from tierflow.common import approvals, notices
from tierflow.common.db import Base, db, transaction
from tierflow.common.filters import SavedFilter
from tierflow.common.sessions import ApiToken, hash_secret
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.kernel.roles import TOKEN_SCOPES, Role
from tierflow.kernel.text import text
from tierflow.onboarding.models import Distribution, Inspection, InspectionFinding, Paper
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.service import changing, disqualifying, inspecting, links, renewing
from tierflow.onboarding.service.access import case_of
from tierflow.web.access import Access

# The only tables a denied call may touch.
LOGS = frozenset({"security_event", "login_attempt", "user_session"})


@dataclass
class World:
    """Accounts by identity, and a plausible value for every argument of an address."""

    app: Flask
    accounts: dict[str, int] = field(default_factory=dict)
    arguments: dict[str, object] = field(default_factory=dict)

    def client(self, identity: str) -> FlaskClient:
        """Somebody's browser; "anonymous" has not signed in."""
        if identity == "anonymous":
            return self.app.test_client()
        return builders.sign_in(self.app, self.accounts[identity])

    def token(self, scopes: Iterable[str], identity: str = "everything") -> dict[str, str]:
        """The headers of a program with a token of these scopes."""
        wanted = sorted(scopes)
        secret = hashlib.sha256(f"{identity} {wanted}".encode()).hexdigest()
        with self.app.app_context(), transaction() as session:
            if session.scalar(select(ApiToken.id).where(ApiToken.token_hash == hash_secret(secret))) is None:
                token = ApiToken(
                    token_hash=hash_secret(secret),
                    user_id=self.accounts[identity],
                    label="test",
                    scopes=wanted,
                    created_at=NOW,
                    expires_at=NOW + timedelta(days=30),
                )
                session.add(token)
        return {"Authorization": f"Bearer {secret}"}

    def address(self, rule: Rule) -> str:
        """The address with plausible ids in it."""
        values = {name: self.argument(name, rule) for name in rule.arguments}
        with self.app.test_request_context():
            from flask import url_for

            return url_for(rule.endpoint, **values)

    def argument(self, name: str, rule: Rule) -> Any:
        """A value for one argument; `kind` means another thing in each part of the product."""
        if name == "kind":
            return "region" if "/reference/" in str(rule) else "merged_licence"
        return self.arguments.get(name, 1)

    def dump(self) -> dict[str, str]:
        """A hash of every table a denied call must leave alone."""
        with self.app.app_context():
            session = db.session()
            found = {
                table.name: hashlib.sha256(
                    repr(session.execute(select(table).order_by(*table.primary_key.columns)).all()).encode()
                ).hexdigest()
                for table in Base.metadata.sorted_tables
                if table.name not in LOGS
            }
            session.rollback()
            db.session.remove()
        return found


EVERY_TOKEN = frozenset(TOKEN_SCOPES)
IDENTITIES = ("anonymous", "nobody", *(role.value for role in Role))


def make(app: Flask) -> World:
    """Applications in draft, waiting, returned and approved; an opinion, a notice, a filter; everybody's account."""
    world = World(app)
    app.config["WTF_CSRF_METHODS"] = frozenset()  # the rights are on trial here, not the forms
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        office = builders.office(session)
        warehouse = builders.warehouse(session, office_id=office.id)
        scopes = {
            Role.SALES_MANAGER: place.region,
            Role.RESIDENT_OFFICE: office.id,
            Role.WAREHOUSE_KEEPER: warehouse.id,
        }
        roles: list[Any] = [(role, scopes[role]) if role in scopes else role for role in Role]
        for role, grant in zip(Role, roles, strict=True):
            world.accounts[role.value] = builders.user(session, f"the_{role.value}", grant, name=f"某{role.value}").id
        world.accounts["nobody"] = builders.user(session, "wuming", name="无名").id
        world.accounts["everything"] = builders.user(session, "quanneng", *roles, name="全能").id

        approved = scenes.submitted(session, place, 1)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, approved, who)
        waiting = scenes.submitted(session, place, 2)
        returned = scenes.submitted(session, place, 3)
        scenes.send_back(session, place, returned, "sales", "address", "不一致")
        draft = scenes.drafted(session, place, 4)
        session.flush()
        opinion = approvals.ask(
            session,
            case_of(session, waiting.id),
            world.accounts["everything"],
            "如何？",
            "ask",
            place.actor(session, "sales"),
            NOW,
            reading="application.read",
        )
        told = text("This is not valid.")
        notices.notify(session, world.accounts.values(), "test", told, ("application", waiting.id), NOW, dedupe_key="t")
        kept = SavedFilter(user_id=world.accounts["everything"], page="customers", name="我的", query="")
        session.add(kept)
        session.flush()
        tables = Base.metadata.tables
        first = {name: session.scalar(select(tables[name].c.id).order_by(tables[name].c.id)) for name in ("customer",)}
        paper = tables["paper"] if "paper" in tables else tables["application_paper"]
        world.arguments = {
            "application_id": waiting.id,
            "customer_id": first["customer"],
            "decision_id": session.scalar(select(tables["approval_decision"].c.id)),
            "file_id": session.scalar(select(tables["stored_file"].c.id)),
            "paper_id": session.scalar(select(paper.c.id).where(paper.c.application_id == draft.id)),
            "opinion_id": opinion.id,
            "filter_id": kept.id,
            "user_id": builders.user(session, "lizhizhe", name="离职者").id,
            "reset_id": _lost_factor(session, world.accounts["administrator"]),
            "grant_id": session.scalar(select(tables["role_grant"].c.id)),
            "entry_id": place.region,
            "year": 2026,
            "customer_class": "dealer",
            "item": "good_repute",
            "filename": "mark.svg",
            "kind": "merged_licence",
            **_matters(session, place, int(first["customer"] or 0)),
        }
    return world


def _lost_factor(session: Session, administrator: int) -> int:
    """A second factor one administrator wants taken away."""
    owner = builders.user(session, "diushi", name="丢失者")
    owner.totp_secret, owner.totp_confirmed_at = "JBSWY3DPEHPK3PXP", NOW
    session.flush()
    actor = builders.actor(session, session.get_one(User, administrator), NOW)
    return factors.ask(session, actor, owner.id, "手机遗失", NOW).id


def _matters(session: Session, place: scenes.Company, customer_id: int) -> dict[str, Any]:
    """What can be under way in a customer's file, one of each."""
    li, sales = place.actor(session, "li"), place.actor(session, "sales")
    licence = keeping.licence(valid_from=date(2020, 1, 1), valid_to=None, is_long_term=True, remark="换发")
    paper = session.scalars(select(PaperCover).where(PaperCover.customer_id == customer_id)).one()
    scanned = session.get_one(Paper, paper.source_id)
    scanned.is_long_term, scanned.valid_to, paper.valid_to = False, keeping.ENDS, keeping.ENDS
    renewal = renewing.renew(session, li, customer_id, "merged_licence", licence, keeping.scan(), NOW)
    link, secret = links.make(session, li, customer_id, "merged_licence", NOW, is_proof=False, days=3)
    change = changing.propose(session, li, customer_id, {"address": "新址"}, NOW, reason="搬迁")
    facts = {"ground": "law", "facts": "立案"}
    disqualification = disqualifying.propose(session, sales, customer_id, facts, keeping.scan(), NOW)
    inspecting.open_round(session, NOW, seed="seed")
    inspection = session.scalars(select(Inspection.id)).first() or 0
    answers = [{"key": key, "verdict": "fail", "remark": "缺"} for key in ITEMS]
    inspecting.inspect(session, sales, inspection, answers, NOW)
    return {
        "renewal_id": renewal.id,
        "link_id": link.id,
        "secret": secret,
        "change_id": change.id,
        "disqualification_id": disqualification.id,
        "distribution_id": session.scalars(select(Distribution.id)).first(),
        "inspection_id": inspection,
        "finding_id": session.scalars(select(InspectionFinding.id)).first(),
    }


def calls(app: Flask) -> list[tuple[Rule, str, Access]]:
    """Every rule and method but the static files'."""
    return [
        (rule, method, app.extensions["access"][rule.endpoint])
        for rule in sorted(app.url_map.iter_rules(), key=str)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if not rule.endpoint.endswith(("static", "docs.assets"))
    ]
