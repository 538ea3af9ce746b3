"""Grading's rows as templates want them: words, numbers written out, addresses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, visible
from tierflow.common.reference import ProductLine, regions_on
from tierflow.common.users import User
from tierflow.grading.models import GradingRun
from tierflow.grading.rules.levels import LEVEL_LABELS, Level
from tierflow.grading.service import looking
from tierflow.kernel.decisions import Indicator
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web.i18n import show
from tierflow.web.shell import moment


def line_name(line: ProductLine) -> str:
    """The product line in the reader's language."""
    return line.name if str(get_locale()).startswith("zh") else line.name_en or line.name


def level_word(level: str) -> str:
    """A level in words."""
    return show(LEVEL_LABELS[Level(level)])


def level_options() -> list[tuple[str, str]]:
    """Levels to choose from."""
    return [(level.value, level_word(level)) for level in Level]


def region_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Regions to choose from."""
    return [(row.id, row.name) for row in regions_on(session, local_day(now))]


def move_words() -> dict[str, tuple[str, str, str]]:
    """A move as badge: kind, word, icon."""
    return {
        "up": ("ok", _("Up"), "arrow-up"),
        "down": ("bad", _("Down"), "arrow-down"),
        "held": ("warn", _("Held back"), "pause"),
        "same": ("neutral", _("Unchanged"), "dash"),
    }


def state_words() -> dict[str, tuple[str, str, str]]:
    """A run's state as badge."""
    return {
        "computing": ("info", _("Being worked out"), "hourglass-split"),
        "proposed": ("warn", _("Proposed"), "clipboard-check"),
        "confirmed": ("ok", _("Confirmed"), "check-circle"),
        "withdrawn": ("neutral", _("Put aside"), "archive"),
    }


def run_card(run: GradingRun, line: ProductLine, people: dict[int, str], now: datetime) -> dict[str, Any]:
    """A run in a list or at the head of its page."""
    month = Month.of(run.month)
    return {
        "id": run.id,
        "url": url_for("grading.run", run_id=run.id),
        "month": str(month),
        "line": line_name(line),
        "line_id": line.id,
        "kind": _("Adjustment") if run.kind == "adjusting" else _("Month close"),
        "is_adjusting": run.kind == "adjusting",
        "state": run.state,
        "badge": state_words()[run.state],
        "up": f"{run.up:,}",
        "down": f"{run.down:,}",
        "held": f"{run.held:,}",
        "total": f"{run.total:,}",
        "done": run.done,
        "of": max(run.total, run.done),
        "policy": run.policy_version,
        "due": moment(run.due_at),
        "is_late": run.state == "proposed" and looking.waits_for(run, now),
        "started": moment(run.started_at),
        "confirmed": moment(run.confirmed_at) if run.confirmed_at else None,
        "confirmed_by": people.get(run.confirmed_by_id or 0),
        "note": run.note,
        "in_force_from": month.end.isoformat(),
    }


def names(session: Session, ids: set[int]) -> dict[int, str]:
    """People by account."""
    return dict(session.execute(select(User.id, User.name).where(User.id.in_(ids))).all()) if ids else {}


def indicator_rows(shown: tuple[Indicator, ...]) -> list[dict[str, Any]]:
    """Indicators with value, threshold and verdict in words."""
    verdicts = {
        "pass": ("ok", _("met")),
        "fail": ("bad", _("missed")),
        "no data": ("neutral", _("no data")),
        "info": ("info", _("shown only")),
    }
    return [
        {
            "label": indicator_word(row.name),
            "value": "—" if row.value is None else amount(row.name, int(row.value)),
            "threshold": "—" if row.threshold is None else amount(row.name, int(row.threshold)),
            "badge": verdicts[row.verdict],
            "clause": row.clause,
        }
        for row in shown
    ]


def indicator_word(name: str) -> str:
    """An indicator in words."""
    words: dict[str, str] = {
        "offtake_grams": _("Offtake"),
        "plan_completion": _("Plan completion"),
        "evenness": _("Weekly evenness"),
        "payment_discipline": _("Payment discipline"),
        "breaches": _("Breaches upheld"),
        "cooperation": _("Cooperation"),
    }
    return words[name]


def amount(name: str, value: int) -> str:
    """An indicator's value as people write it: tonnes, per cent, points."""
    if name == "offtake_grams":
        return tonnes(value)
    if name in ("breaches", "cooperation"):
        return f"{value:,}"
    return f"{value // 100}.{value % 100:02d} %"


def share(value: int | None) -> str:
    """Basis points as per cent; a dash for no data."""
    return "—" if value is None else amount("evenness", value)


def tonnes(grams: int) -> str:
    """Grams as tonnes with the unit."""
    return str(_("%(tonnes)s t", tonnes=format_tonnes(grams)))


def short_tonnes(grams: int) -> str:
    """Whole tonnes for the words of a chart."""
    return f"{grams // 1_000_000:,}"


def to_go(grams: int) -> str:
    """Grams still to lift; the first gram is as good as any lifting."""
    return _("any lifting") if grams == 1 else tonnes(grams)


def seen_customers(session: Session, actor: Actor, ids: Iterable[int]) -> set[int]:
    """Which of these customers' pages the reader may open: a run shows more than one's own."""
    return set(session.scalars(select(Customer.id).where(Customer.id.in_(list(ids)), visible(actor))))
