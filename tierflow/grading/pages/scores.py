"""A review's scores, recommendations and title in words: for its page, its pack and the workbook."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from tierflow.grading.models import Review, ReviewScore
from tierflow.grading.pages import views
from tierflow.grading.rules.reviews import papers
from tierflow.grading.terms import RECOMMENDATION_LABELS
from tierflow.web.i18n import show

KINDS = {"keep": "neutral", "raise": "ok", "lower": "warn", "end_class": "bad", "disqualify": "bad"}


def advice(word: str) -> tuple[str, str]:
    """A recommendation as badge."""
    return KINDS[word], show(RECOMMENDATION_LABELS[word])


def advice_options() -> list[tuple[str, str]]:
    """Recommendations to choose from."""
    return [(word, show(label)) for word, label in RECOMMENDATION_LABELS.items()]


def score_row(score: ReviewScore, customer: Any, region: str, manager: str) -> dict[str, Any]:
    """A score as the table and the pack show it."""
    shown = {
        name: "—" if value is None else views.amount("evenness", value)
        for name, value in (
            ("completion", score.completion),
            ("evenness", score.evenness),
            ("payment", score.payment_discipline),
            ("papers", None if score.suspended_days is None else papers(score.suspended_days, score.days or 0)),
        )
    }
    return {
        "id": score.id,
        "rank": score.rank,
        "name": customer.name,
        "number": customer.number,
        "url": url_for("onboarding.customer", customer_id=customer.id),
        "region": region,
        "manager": manager,
        "level": score.level or None,
        "tonnes": views.tonnes(score.grams),
        "previous": views.tonnes(score.previous_grams),
        "planned": "—" if score.planned_grams is None else views.tonnes(score.planned_grams),
        **shown,
        "breaches": "—" if score.breaches is None else score.breaches,
        "cooperation": "—" if score.cooperation is None else score.cooperation,
        "score": "—" if score.score is None else f"{score.score // 100}.{score.score % 100:02d}",
        "percent": (score.score or 0) // 100,
        "advice": advice(score.recommended),
        "confirmed": advice(score.confirmed) if score.confirmed else None,
        "reason": score.reason,
    }


def pack_title(row: Review) -> str:
    """What the pack is called: for which meeting."""
    if row.kind == "year":
        return str(_("%(period)s: yearly customer review, for the GM office meeting", period=row.period))
    return str(_("%(period)s: customer review, for the operations meeting", period=row.period))
