"""JSON of policy drafts, their trials on past months, and periodic reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.policies import PolicyVersion
from tierflow.grading.api import rows
from tierflow.grading.models import BackTest, BackTestMove, Review, ReviewScore
from tierflow.grading.schemas import given
from tierflow.grading.schemas import shown_policy as shown
from tierflow.grading.service import drafts, reviews, trials
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("drafts", "Policy drafts and reviews")

ROW_ID = "int(max=9007199254740991)"
DRAFT = f"/policy-drafts/<{ROW_ID}:version>"
TRIAL = f"/backtests/<{ROW_ID}:test_id>"
REVIEW = f"/reviews/<{ROW_ID}:review_id>"
BY_MOVE = (Sort("month", BackTestMove.month, True), Sort("customer", BackTestMove.customer_id))
BY_PERIOD = (Sort("last", Review.last_month, True), Sort("id", Review.id, True))
BY_RANK = (Sort("rank", ReviewScore.rank), Sort("id", ReviewScore.id))


@blp.route("/policy-drafts", methods=["GET"])
@reads("draft.read")
@blp.response(200, shown.PolicyDraftsOut)
def list_drafts(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Every policy version and draft, newest first."""
    cases = drafts.cases(session)
    return {"rows": [_version(row, cases.get(row.version)) for row in drafts.listed(session, actor)]}


@blp.route("/policy-drafts", methods=["POST"])
@writes("draft.write")
@blp.arguments(given.DraftSchema)
@blp.response(201, shown.PolicyDraftOut)
def create_draft(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Begin a draft from the policy in force today; every value is checked, and all of them together."""
    return _draft(session, drafts.create(session, actor, data, now))


@blp.route(DRAFT, methods=["GET"])
@reads("draft.read")
@blp.response(200, shown.PolicyDraftOut)
def read_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """One version or draft."""
    return _draft(session, drafts.get(session, actor, version))


@blp.route(DRAFT, methods=["POST"])
@writes("draft.write")
@blp.arguments(given.DraftSchema)
@blp.response(200, shown.PolicyDraftOut)
def save_draft(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Change a draft."""
    return _draft(session, drafts.save(session, actor, version, data, now))


@blp.route(f"{DRAFT}/drop", methods=["POST"])
@writes("draft.write")
@blp.response(200, shown.PolicyDraftOut)
def drop_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Give a draft up."""
    return _draft(session, drafts.drop(session, actor, version, now))


@blp.route(f"{DRAFT}/adopt", methods=["POST"])
@writes("draft.adopt")
@blp.arguments(given.AdoptSchema)
@blp.response(200, shown.PolicyDraftOut)
def adopt_draft(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Adopt what was handed in, from a day on; `version` and `step` are those of its case, as it was read."""
    return _draft(session, drafts.adopt(session, actor, version, data, now))


@blp.route(f"{DRAFT}/hand-in", methods=["POST"])
@writes("draft.write")
@blp.response(200, shown.PolicyDraftOut)
def hand_in_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Send a draft to the general manager; it was tried on past months as it stands."""
    return _draft(session, drafts.hand_in(session, actor, version, now))


@blp.route(f"{DRAFT}/return", methods=["POST"])
@writes("draft.adopt")
@blp.arguments(given.DraftReturnSchema)
@blp.response(200, shown.PolicyDraftOut)
def return_draft(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Send a draft back for correction."""
    return _draft(session, drafts.send_back(session, actor, version, data, now))


def _draft(session: Session, row: PolicyVersion) -> dict[str, Any]:
    return _version(row, drafts.case_of(session, row))


def _version(row: PolicyVersion, case: ApprovalCase | None) -> dict[str, Any]:
    """A version with the case of its approval."""
    names = ("version", "state", "in_force_from", "drafter", "source", "values", "adopted_at")
    return {**{name: getattr(row, name) for name in names}, "case": case}


@blp.route(f"{DRAFT}/backtests", methods=["POST"])
@writes("draft.try")
@blp.arguments(given.TrialSchema)
@blp.response(201, shown.BackTestOut)
def start_trial(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, version: int) -> Any:
    """Try a draft on closed months. Large trials go on in the scheduler; ask again for the progress."""
    return _trial(session, trials.start(session, actor, version, data, now))


@blp.route(TRIAL, methods=["GET"])
@reads("draft.read")
@blp.response(200, shown.BackTestOut)
def read_trial(*, session: Session, actor: Actor, now: datetime, test_id: int) -> Any:
    """A trial with progress and sums by month and region; `levels`: level, real and draft count, at the last month."""
    return _trial(session, trials.get(session, actor, test_id))


def _trial(session: Session, test: BackTest) -> dict[str, Any]:
    row = session.get_one(PolicyVersion, test.policy_version_id)
    return {
        **{name: getattr(test, name) for name in ("id", "product_line_id", "state", "total", "done")},
        "version": row.version,
        "first": str(Month.of(test.first_month)),
        "last": str(Month.of(test.last_month)),
        "is_stale": trials.stale(test, row),
        **trials.summary(session, test),
    }


@blp.route(f"{TRIAL}/moves", methods=["GET"])
@reads("draft.read")
@blp.arguments(given.TrialMovesSchema, location="query")
@blp.response(200, shown.BackTestMovesOut)
def trial_moves(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, test_id: int) -> Any:
    """Customers' months that would have ended at another level."""
    test = trials.get(session, actor, test_id)
    found = page_of(session, trials.moves(actor, test, wanted), BY_MOVE, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(
        found,
        [
            {
                **{name: getattr(move, name) for name in ("customer_id", "real_level", "draft_level")},
                "month": str(Month.of(move.month)),
                "tonnes": move.grams,
                "number": customer.number,
                "name": customer.name,
                "region": region,
            }
            for move, customer, region in found.rows
        ],
    )


@blp.route("/reviews", methods=["GET"])
@reads("review.read")
@blp.arguments(given.LevelPageSchema, location="query")
@blp.response(200, shown.ReviewPageOut)
def list_reviews(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Reviews, newest period first."""
    found = page_of(session, reviews.listed(actor), BY_PERIOD, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [row[0] for row in found.rows])


@blp.route(REVIEW, methods=["GET"])
@reads("review.read")
@blp.response(200, shown.ReviewOut)
def read_review(*, session: Session, actor: Actor, now: datetime, review_id: int) -> Any:
    """One review."""
    return reviews.get(session, actor, review_id)


@blp.route(f"{REVIEW}/scores", methods=["GET"])
@reads("review.read")
@blp.arguments(given.ScoresSchema, location="query")
@blp.response(200, shown.ReviewScorePageOut)
def review_scores(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, review_id: int) -> Any:
    """Scores by rank."""
    review = reviews.get(session, actor, review_id)
    query = reviews.scores(actor, review, wanted)
    found = page_of(session, query, BY_RANK, cursor=wanted["cursor"], size=wanted["size"])
    names = tuple(shown.ReviewScoreOut._declared_fields)
    return rows.page(
        found,
        [
            {
                **{name: getattr(score, name) for name in (*names, "grams", "planned_grams") if hasattr(score, name)},
                "number": customer.number,
                "name": customer.name,
                "region": region,
            }
            for score, customer, region, _manager in found.rows
        ],
    )


@blp.route(f"{REVIEW}/confirm", methods=["POST"])
@writes("review.confirm")
@blp.arguments(given.ReviewConfirmSchema)
@blp.response(200, shown.ConfirmedOut)
def confirm_review(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, review_id: int) -> Any:
    """Confirm recommendations, one or many. None takes effect by itself."""
    return {"confirmed": reviews.confirm(session, actor, review_id, data, now)}
