"""What a meeting sees of a review: the pack (CHEM-16)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import OfftakeMonth
from tierflow.grading.models import Review, ReviewScore
from tierflow.grading.service.reviews import scores
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require


def pack(session: Session, actor: Actor, review: Review) -> dict[str, Any]:
    """What the meeting sees: offtake against plan by month, scores in tens, recommendations, the first and the last."""
    require(actor, "review.read")
    months = (review.first_month, review.last_month)
    lifted = dict(
        session.execute(
            select(OfftakeMonth.month, func.sum(OfftakeMonth.grams))
            .where(OfftakeMonth.product_line_id == review.product_line_id, OfftakeMonth.month.between(*months))
            .group_by(OfftakeMonth.month)
        ).all()
    )
    planned = dict(
        session.execute(
            select(MonthFacts.month, func.sum(MonthFacts.planned_grams))
            .where(MonthFacts.product_line_id == review.product_line_id, MonthFacts.month.between(*months))
            .group_by(MonthFacts.month)
        ).all()
    )
    first, last = Month.of(months[0]), Month.of(months[1])
    every = [first.plus(n) for n in range(first.until(last) + 1)]
    tens: Counter[int] = Counter()
    recommended: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    keys = (ReviewScore.score // 1000, ReviewScore.recommended, ReviewScore.confirmed, ReviewScore.level)
    counted = select(*keys, func.count()).where(ReviewScore.review_id == review.id).group_by(*keys)
    for ten, advised, confirmed, level, number in session.execute(counted):
        if ten is not None:
            tens[min(int(ten), 9)] += number
        recommended[confirmed or advised] += number
        levels[level] += number
    ranked = scores(actor, review, {})
    return {
        "months": [(str(m), int(lifted.get(m.start) or 0), int(planned.get(m.start) or 0)) for m in every],
        "tens": [tens[n] for n in range(10)],
        "recommended": recommended,
        "levels": levels,
        "best": session.execute(ranked.order_by(ReviewScore.rank).limit(10)).all(),
        "worst": session.execute(ranked.order_by(ReviewScore.rank.desc()).limit(10)).all(),
        "exceptions": session.execute(
            ranked.where(func.coalesce(ReviewScore.confirmed, ReviewScore.recommended) != "keep")
            .order_by(ReviewScore.rank)
            .limit(200)
        ).all(),
    }
