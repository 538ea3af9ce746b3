"""Papers near their end (CHEM-15): who is told, how often, and that an outage loses and repeats nothing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.papers import stages
from tests.builders import delegation
from tests.conftest import NOW, StandingClock
from tests.jobs.world import duty, fill, read, runner
from tierflow.common import files, suspension
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import transaction
from tierflow.common.notices import Notice, as_text
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.onboarding.models import Paper

TODAY = date(2026, 11, 23)


def customer(session: Session, who: dict[str, User], number: int = 1, name: str = "东海塑料") -> Customer:
    from tierflow.common.reference import Region

    east = session.scalars(select(Region).where(Region.code == "EAST")).one()
    row = Customer(
        number=f"C-{number}",
        name=name,
        name_key=name_key(name),
        credit_code=f"CODE{number}",
        region_id=east.id,
        account_manager_id=who["clerk"].id,
        approved_at=NOW,
        approved_on=TODAY,
        **dict.fromkeys(
            (
                "legal_representative",
                "address",
                "contact_name",
                "phone",
                "phone_key",
                "bank_name",
                "bank_account",
                "account_key",
                "invoice_address",
                "invoice_phone",
            ),
            "",
        ),
    )
    session.add(row)
    session.flush()
    return row


def paper(
    session: Session, who: dict[str, User], owner: Customer, valid_to: date | None, kind: str = "merged_licence"
) -> Paper:
    stored = files.store(session, b"%PDF", "a.pdf", "pdf", ("customer", owner.id), who["clerk"].id, NOW)
    row = Paper(
        customer_id=owner.id,
        kind=kind,
        number="",
        issuer="",
        valid_from=date(2016, 1, 1),
        valid_to=valid_to,
        is_long_term=valid_to is None,
        file_id=stored.id,
        added_by_id=who["clerk"].id,
        added_at=NOW,
    )
    session.add(row)
    session.flush()
    suspension.accept(session, owner.id, kind, ("paper", row.id), (row.valid_from, valid_to), TODAY, NOW)
    return row


def told(app: Flask) -> list[tuple[str, str]]:
    """(login, sentence) of every notice."""
    rows = read(
        app, select(User.login, Notice.msgid, Notice.params).join(User, User.id == Notice.user_id).order_by(Notice.id)
    )
    return [(login, str(as_text(msgid, params))) for login, msgid, params in rows]


def sweep(app: Flask, folder: Path) -> None:
    with app.app_context():
        runner(app, folder, [duty("papers")]).sweep()


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("left", "stage"),
    [
        (61, None),
        (60, "60"),
        (31, "60"),
        (30, "30"),
        (8, "30"),
        (7, "7"),
        (0, "7"),  # good on its last day
        (-1, "expired"),
        (-900, "expired"),
    ],
)
def test_each_distance_has_its_stage(left: int, stage: str | None) -> None:
    day = TODAY + timedelta(days=left)
    found = [
        name for name, first, last in stages([7, 30, 60], TODAY) if (first is None or first <= day) and day <= last
    ]
    assert found == ([] if stage is None else [stage])


@pytest.mark.rule("CHEM-15")
def test_a_paper_is_warned_of_once_at_each_distance(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    fill(both_app, lambda session, who: paper(session, who, customer(session, who), TODAY + timedelta(days=67)))
    for _ in range(71):
        sweep(both_app, tmp_path)
        clock.forward(days=1)
    sentences = told(both_app)
    last = TODAY + timedelta(days=67)
    sooner = [f"The merged business licence of 东海塑料 is valid until {last} (days left: {n})." for n in (60, 30, 7)]
    expired = f"The merged business licence of 东海塑料 expired on {last}."
    assert [s for login, s in sentences if login == "clerk"][:3] == sooner
    assert [s for login, s in sentences if login == "clerk"][3].startswith(expired)
    assert len([s for login, s in sentences if login == "clerk"]) == 4
    assert [s for login, s in sentences if login == "sales"] == [s for login, s in sentences if login == "clerk"]
    assert {login for login, _ in sentences} == {"clerk", "sales"}


@pytest.mark.rule("CHEM-15")
def test_after_an_outage_a_paper_is_warned_of_once_for_where_it_is_now(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    fill(app, lambda session, who: paper(session, who, customer(session, who), TODAY + timedelta(days=59)))
    sweep(app, tmp_path)
    clock.forward(days=30)
    sweep(app, tmp_path)
    of_clerk = [sentence.rpartition("(")[2] for login, sentence in told(app) if login == "clerk"]
    assert of_clerk == ["days left: 59).", "days left: 29)."]


def test_a_renewed_or_lasting_paper_is_not_warned_of(app: Flask, tmp_path: Path) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        one = customer(session, who)
        paper(session, who, one, TODAY + timedelta(days=5))
        paper(session, who, one, TODAY + timedelta(days=500))
        other = customer(session, who, 2)
        paper(session, who, other, TODAY - timedelta(days=5))
        paper(session, who, other, None)

    fill(app, plant)
    sweep(app, tmp_path)
    assert told(app) == []


def test_papers_of_a_disqualified_company_are_not_warned_of(app: Flask, tmp_path: Path) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        owner = customer(session, who)
        owner.disqualified_on = TODAY
        paper(session, who, owner, TODAY + timedelta(days=5))

    fill(app, plant)
    sweep(app, tmp_path)
    assert told(app) == []


def test_a_corrected_last_day_is_warned_of_anew(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    fill(app, lambda session, who: paper(session, who, customer(session, who), TODAY + timedelta(days=20)))
    sweep(app, tmp_path)
    with app.app_context(), transaction() as session:
        session.scalars(select(PaperCover)).one().valid_to = TODAY + timedelta(days=25)
    clock.forward(days=1)
    sweep(app, tmp_path)
    assert len(told(app)) == 4


def test_never_only_somebody_who_has_left_is_told(app: Flask, tmp_path: Path) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        paper(session, who, customer(session, who), TODAY + timedelta(days=40))
        who["clerk"].disabled_at = NOW

    fill(app, plant)
    sweep(app, tmp_path)
    assert [login for login, _ in told(app)] == ["sales"]


@pytest.mark.parametrize("absent", ["clerk", "sales"])
def test_the_stand_in_is_told_too(app: Flask, tmp_path: Path, absent: str) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        paper(session, who, customer(session, who), TODAY + timedelta(days=40))
        delegation(session, who[absent], who["other"], date(2026, 11, 1), date(2026, 12, 1))

    fill(app, plant)
    sweep(app, tmp_path)
    assert sorted(login for login, _ in told(app)) == ["clerk", "other", "sales"]
