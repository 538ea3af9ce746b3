"""Screens of periodic reviews: the list, scores by rank, confirmation, the pack for the meeting."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.policies import policy_numbered
from tierflow.common.reference import ProductLine
from tierflow.grading import exports as files
from tierflow.grading.api.policy import BY_PERIOD, BY_RANK
from tierflow.grading.models import Review
from tierflow.grading.pages import views
from tierflow.grading.pages.blueprint import ROW_ID, bp
from tierflow.grading.pages.scores import advice, advice_options, pack_title, score_row
from tierflow.grading.rules.reviews import review_policy
from tierflow.grading.schemas import given
from tierflow.grading.service import packs
from tierflow.grading.service import reviews as service
from tierflow.grading.terms import RECOMMENDATION_LABELS
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web import charts
from tierflow.web.access import reads, writes
from tierflow.web.paging import page_of
from tierflow.web.schemas import flat_errors, load
from tierflow.web.shell import day, moment

REVIEW = f"/reviews/<{ROW_ID}:review_id>"


def kind_word(kind: str) -> str:
    """A review's kind in words."""
    words: dict[str, str] = {
        "quarter": _("Quarterly review"),
        "halfyear": _("Half-yearly review"),
        "year": _("Yearly review"),
    }
    return words[kind]


def state_badge(state: str) -> tuple[str, str]:
    """A review's state as badge."""
    return {
        "open": ("info", _("Scores are provisional")),
        "frozen": ("warn", _("To be confirmed")),
        "closed": ("ok", _("Closed")),
    }[state]


@bp.get("/reviews")
@reads("review.read")
def reviews(*, session: Session, actor: Actor, now: datetime) -> str:
    """Reviews, newest period first."""
    wanted = load(given.LevelPageSchema(), request.args.to_dict())
    found = page_of(session, service.listed(actor), BY_PERIOD, cursor=wanted["cursor"])
    return render_template("grading/reviews.html", rows=[_card(*row) for row in found.rows], page=found)


def _card(review: Review, line: ProductLine) -> dict[str, Any]:
    return {
        "id": review.id,
        "url": url_for("grading.review", review_id=review.id),
        "period": review.period,
        "kind": kind_word(review.kind),
        "is_year": review.kind == "year",
        "line": views.line_name(line),
        "has_levels": line.scheme == "polyolefin",
        "state": review.state,
        "badge": state_badge(review.state),
        "customers": f"{review.customers:,}",
        "confirmed": f"{review.confirmed:,}",
        "left": review.customers - review.confirmed,
        "percent": 100 * review.confirmed // review.customers if review.customers else 0,
        "scored": moment(review.scored_at) if review.scored_at else "—",
        "policy": review.policy_version,
    }


@bp.get(REVIEW)
@reads("review.read")
def review(*, session: Session, actor: Actor, now: datetime, review_id: int) -> str:
    """One review: scores by rank, confirmed one by one or in bulk."""
    return _review(session, actor, now, review_id, {}, ())


def _review(session: Session, actor: Actor, now: datetime, review_id: int, errors: Any, refusals: Any) -> str:
    row = service.get(session, actor, review_id)
    wanted = load(given.ScoresSchema(), request.args.to_dict() if request.method == "GET" else {})
    found = page_of(session, service.scores(actor, row, wanted), BY_RANK, cursor=wanted["cursor"])
    open_ = views.seen_customers(session, actor, [each[1].id for each in found.rows])
    policy = review_policy(policy_numbered(session, row.policy_version))
    return render_template(
        "grading/review.html",
        card=_card(row, session.get_one(ProductLine, row.product_line_id)),
        rows=[
            score_row(*each)
            | ({} if each[1].id in open_ else {"url": None})
            | {"inputs_url": _inputs_url(row, each[1].id)}
            for each in found.rows
        ],
        page=found,
        weights=[(weight_word(name), weight) for name, weight in policy.weights.items()],
        bands=[(low // 100, high // 100, advice(word)) for low, high, word in policy.bands],
        advices=advice_options(),
        regions=views.region_options(session, now),
        may_confirm=row.state == "frozen" and is_allowed(actor, "review.confirm"),
        may_export=is_allowed(actor, "review.export"),
        errors=flat_errors(errors),
        refusals=refusals,
    )


def _inputs_url(row: Review, customer_id: int) -> str:
    place: dict[str, Any] = {"product_line_id": row.product_line_id, "customer_id": customer_id, "period": row.period}
    return url_for("grading.inputs", **place)


def weight_word(name: str) -> str:
    """What is weighed, in words."""
    if name == "papers":
        return str(_("Papers"))
    return views.indicator_word("plan_completion" if name == "completion" else name)


def _again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, review_id: int, **_route: Any
) -> str:
    return _review(session, actor, now, review_id, errors, refusals)


@bp.post(f"{REVIEW}/confirm")
@writes("review.confirm", on_invalid=_again)
def confirm_review(*, session: Session, actor: Actor, now: datetime, review_id: int) -> BaseResponse:
    """Confirm the chosen recommendations, or all that are open."""
    form = request.form
    asked = load(
        given.ReviewConfirmSchema(),
        {
            "ids": form.getlist("ids") if form.get("all") != "1" else [],
            "recommendation": form.get("recommendation") or None,
            "reason": form.get("reason", ""),
        },
    )
    if form.get("all") != "1" and not asked["ids"]:
        flash(_("Choose at least one customer."), "warn")
        return redirect(url_for("grading.review", review_id=review_id))
    number = service.confirm(session, actor, review_id, asked, now)
    flash(_("%(number)s recommendations confirmed.", number=number), "ok")
    return redirect(url_for("grading.review", review_id=review_id))


@bp.get(f"{REVIEW}/pack")
@reads("review.read")
def review_pack(*, session: Session, actor: Actor, now: datetime, review_id: int) -> str:
    """The pack for the operations meeting, or the GM office meeting of the year, on A4."""
    row = service.get(session, actor, review_id)
    card = _card(row, session.get_one(ProductLine, row.product_line_id))
    found = packs.pack(session, actor, row)
    labels = [month[2:] for month, _grams, _planned in found["months"]]
    return render_template(
        "grading/review_pack.html",
        card=card,
        title=pack_title(row),
        months=[(month, views.tonnes(grams), views.tonnes(planned)) for month, grams, planned in found["months"]],
        lifted=charts.line(
            labels,
            [
                charts.Series(_("Offtake"), [grams for _month, grams, _planned in found["months"]]),
                charts.Series(_("Plan"), [planned for _month, _grams, planned in found["months"]]),
            ],
            title=_("Offtake against plan, t"),
            form=views.short_tonnes,
            empty=_("No data yet"),
        ),
        tens=charts.bars(
            [charts.Point(f"{10 * n}–{10 * n + 10}", number) for n, number in enumerate(found["tens"])],
            title=_("Customers by score"),
            empty=_("No data yet"),
        ),
        recommended=[(advice(word), f"{found['recommended'].get(word, 0):,}") for word in RECOMMENDATION_LABELS],
        best=[score_row(*each) for each in found["best"]],
        worst=[score_row(*each) for each in found["worst"]],
        exceptions=[score_row(*each) for each in found["exceptions"]],
        printed_by=actor.name,
        printed_at=moment(now),
        on=day(now.date()),
        back_url=card["url"],
        may_export=is_allowed(actor, "review.export"),
    )


@bp.post(f"{REVIEW}/export")
@reads("review.export", preview=True)
def export_review(*, session: Session, actor: Actor, now: datetime, review_id: int) -> Response:
    """The pack as a workbook with charts: summary, months, every score."""
    return files.review(session, actor, review_id, now)
