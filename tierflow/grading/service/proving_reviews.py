"""`tierflow verify` for reviews: every score that is frozen is made again from what was seen, in its own version."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.policies import policy_numbered
from tierflow.common.reference import ProductLine
from tierflow.grading.models import Review, ReviewScore
from tierflow.grading.rules.reviews import Seen, recommend, review_policy, score

BATCH = 5_000


def verify(session: Session) -> Iterator[str]:
    """Scores and recommendations that come out differently, ranks out of order, customers lost or added."""
    rows = session.execute(
        select(Review, ProductLine.scheme)
        .join(ProductLine, ProductLine.id == Review.product_line_id)
        .where(Review.state != "open")
        .order_by(Review.id)
    )
    for review, scheme in rows.all():
        name = f"review {review.period} (line {review.product_line_id})"
        yield from (f"{name}: {lie}" for lie in _replayed(session, review, has_levels=scheme == "polyolefin"))


def _replayed(session: Session, review: Review, *, has_levels: bool) -> Iterator[str]:
    policy = review_policy(policy_numbered(session, review.policy_version))
    rank, above, confirmed = 0, 10_000, 0
    while True:
        query = select(ReviewScore).where(ReviewScore.review_id == review.id, ReviewScore.rank > rank)
        rows = session.scalars(query.order_by(ReviewScore.rank).limit(BATCH)).all()
        for row in rows:
            rank += 1
            confirmed += row.confirmed is not None
            seen = seen_by(row, has_levels=has_levels)
            again = None if seen is None else score(seen, policy)
            if seen is not None and (again, recommend(seen, again, policy)) != (row.score, row.recommended):
                yield f"customer {row.customer_id}: stored {row.score} {row.recommended}, replayed {again}"
            if row.rank != rank or (row.score if row.score is not None else -1) > above:
                yield f"customer {row.customer_id}: rank {row.rank} is not its place"
            above = row.score if row.score is not None else -1
            rank = row.rank
        if len(rows) < BATCH:
            break
    if rank != review.customers or confirmed != review.confirmed:
        yield f"{rank} customers and {confirmed} confirmed stored, {review.customers} and {review.confirmed} counted"


def seen_by(row: ReviewScore, *, has_levels: bool) -> Seen | None:
    """What a stored score saw; None for one of before the days of suspension were kept with it."""
    if row.days is None:
        return None
    return Seen(
        customer_class=row.customer_class,
        has_levels=has_levels,
        grams=row.grams,
        completion=row.completion,
        evenness=row.evenness,
        payment_discipline=row.payment_discipline,
        breaches=row.breaches,
        cooperation=row.cooperation,
        suspended_days=row.suspended_days,
        days=row.days,
        is_suspended=None if row.papers_ok is None else not row.papers_ok,
    )
