"""Screens of the monthly run: the list, one run, its moves, why each came out as it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.reference import ProductLine
from tierflow.grading import exports as files
from tierflow.grading.api.levels import BY_MONTH, late_facts_looked_for
from tierflow.grading.api.rows import BY_CUSTOMER
from tierflow.grading.models import GradingRun
from tierflow.grading.pages import views
from tierflow.grading.pages.blueprint import ROW_ID, RUN, bp
from tierflow.grading.schemas import given
from tierflow.grading.service import late, looking, runs, watching
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.access import reads, writes
from tierflow.web.exports import form_of
from tierflow.web.paging import page_of
from tierflow.web.schemas import form_data, load


@bp.get("/levels")
@reads("grading.read")
def listing(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every month's run, newest first, and the month that is next."""
    return _listing(session, actor, now)


def _listing(session: Session, actor: Actor, now: datetime, refusals: tuple[Refusal, ...] = ()) -> str:
    wanted = load(given.RunsSchema(), request.args.to_dict() if request.method == "GET" else {})
    found = page_of(session, runs.recent(session, actor, wanted["product_line_id"]), BY_MONTH, cursor=wanted["cursor"])
    today = local_day(now)
    lines = {line.id: line for line in watching.star_lines(session, today)}
    for row in found.rows:
        lines.setdefault(row.product_line_id, session.get_one(ProductLine, row.product_line_id))
    people = views.names(session, {row.confirmed_by_id for row in found.rows if row.confirmed_by_id})
    return render_template(
        "grading/runs.html",
        rows=[views.run_card(row, lines[row.product_line_id], people, now) for row in found.rows],
        page=found,
        todo=[_todo(session, line, today) for line in lines.values()],
        may_run=is_allowed(actor, "grading.run"),
        refusals=refusals,
    )


def _todo(session: Session, line: ProductLine, today: Any) -> dict[str, Any]:
    months = runs.months_to_close(session, line.id, today)
    newest = runs.newest(session, line.id)
    waits = newest is not None and newest.state != "confirmed"
    return {
        "id": line.id,
        "name": views.line_name(line),
        "month": str(months[0]) if months else None,
        "more": max(len(months) - 1, 0),
        "blocked": bool(runs.why_not(session, line.id, months[0], today)) if months else False,
        "waits": url_for("grading.run", run_id=newest.id) if waits and newest is not None else None,
        "waits_month": str(Month.of(newest.month)) if newest is not None else None,
        "closed": newest is not None and not waits,
    }


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, **_route: Any) -> str:
    return _listing(session, actor, now, refusals)


@bp.post("/levels/runs")
@writes("grading.run", on_invalid=_again)
def start(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Propose the levels a month earned."""
    asked = load(given.LevelStartSchema(), form_data())
    run = runs.start(session, actor, asked["product_line_id"], asked["month"], now)
    return redirect(url_for("grading.run", run_id=run.id))


@bp.post("/levels/adjustments")
@late_facts_looked_for
@writes("grading.run", on_invalid=_again)
def adjust(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Look for late facts and propose what they change."""
    run = late.adjust(session, actor, load(given.LineSchema(), form_data())["product_line_id"], now)
    return redirect(url_for("grading.run", run_id=run.id))


@bp.get(RUN)
@reads("grading.read")
def run(*, session: Session, actor: Actor, now: datetime, run_id: int) -> str:
    """One run: its moves with reasons, by region, confirmed here."""
    return _run(session, actor, now, run_id)


def _run(session: Session, actor: Actor, now: datetime, run_id: int, refusals: tuple[Refusal, ...] = ()) -> str:
    row = runs.get(session, run_id)
    wanted = load(given.DecisionsSchema(), request.args.to_dict() if request.method == "GET" else {})
    found = page_of(session, looking.decisions(actor, row, wanted), BY_CUSTOMER, cursor=wanted["cursor"])
    old = looking.earlier(session, row, [each[0].customer_id for each in found.rows])
    open_ = views.seen_customers(session, actor, [each[0].customer_id for each in found.rows])
    line = session.get_one(ProductLine, row.product_line_id)
    people = views.names(session, {row.confirmed_by_id} if row.confirmed_by_id else set())
    batch = runs.batch(session, row)
    may_confirm = is_allowed(actor, "grading.confirm") and row.state == "proposed"
    return render_template(
        "grading/run.html",
        card=views.run_card(row, line, people, now),
        batch=[views.run_card(each, line, {}, now) for each in batch] if len(batch) > 1 else [],
        rows=[_decision(row, each, old.get(each[0].customer_id), open_) for each in found.rows],
        page=found,
        regions=looking.by_region(session, row) if row.state != "computing" else [],
        region_options=views.region_options(session, now),
        moves=[(key, words[1]) for key, words in views.move_words().items()]
        + ([("all", _("All"))] if row.kind == "monthly" else []),
        unasked=_("Moves only") if row.kind == "monthly" else _("All"),
        levels=views.level_options(),
        may_confirm=may_confirm,
        may_run=is_allowed(actor, "grading.run") and row.state in ("proposed", "computing"),
        may_export=is_allowed(actor, "grading.export"),
        refusals=refusals,
        badges=views.move_words(),
    )


def _decision(row: GradingRun, found: Any, before: Any, open_: set[int]) -> dict[str, Any]:
    seen, customer, region, manager = found
    return {
        "name": customer.name,
        "number": customer.number,
        "url": url_for("onboarding.customer", customer_id=customer.id) if customer.id in open_ else None,
        "explain_url": url_for("grading.explain", run_id=row.id, customer_id=customer.id),
        "region": region,
        "manager": manager,
        "tonnes": views.tonnes(seen.grams),
        "held": seen.held,
        "level": seen.level,
        "target": seen.target,
        "move": seen.move,
        "clauses": seen.code.split(),
        "before": before.level if before is not None else None,
        "before_tonnes": views.tonnes(before.grams) if before is not None else None,
    }


def _run_again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, run_id: int, **_route: Any
) -> str:
    return _run(session, actor, now, run_id, refusals)


@bp.post(f"{RUN}/confirm")
@writes("grading.confirm", on_invalid=_run_again)
def confirm(*, session: Session, actor: Actor, now: datetime, run_id: int) -> BaseResponse:
    """Confirm what the run proposed."""
    runs.confirm(session, actor, run_id, load(given.NoteSchema(), form_data())["note"], now)
    flash(_("Confirmed. The levels are in force."), "ok")
    return redirect(url_for("grading.run", run_id=run_id))


@bp.post(f"{RUN}/again")
@writes("grading.run", on_invalid=_run_again)
def again(*, session: Session, actor: Actor, now: datetime, run_id: int) -> BaseResponse:
    """Run the month again from the facts as they are now."""
    made = runs.again(session, actor, run_id, now)
    return redirect(url_for("grading.run", run_id=made.id))


@bp.post(f"{RUN}/withdraw")
@writes("grading.run", on_invalid=_run_again)
def withdraw(*, session: Session, actor: Actor, now: datetime, run_id: int) -> BaseResponse:
    """Put the run aside."""
    runs.put_aside(session, actor, run_id, now)
    flash(_("Put aside."), "ok")
    return redirect(url_for("grading.listing"))


@bp.get(f"{RUN}/customers/<{ROW_ID}:customer_id>")
@reads("grading.read")
def explain(*, session: Session, actor: Actor, now: datetime, run_id: int, customer_id: int) -> str:
    """Why a customer's month came to its level: a fragment for the drawer."""
    found = looking.proof(session, actor, run_id, customer_id)
    return render_template(
        "grading/explain.html",
        found=found,
        month=str(Month.of(found.run.month)),
        badge=views.move_words()[found.row.move],
        indicators=views.indicator_rows(found.indicators),
        stars=[(name, views.tonnes(getattr(found.policy, name))) for name in ("one_star", "two_star", "three_star")],
    )


@bp.post(f"{RUN}/export")
@reads("grading.export", preview=True)
def export(*, session: Session, actor: Actor, now: datetime, run_id: int) -> Response:
    """The run's moves, or everybody's levels, as a file."""
    wanted = load(given.DecisionsSchema(), {name: request.form[name] for name in NARROWING if request.form.get(name)})
    return files.levels(session, actor, run_id, wanted, form_of(request.form), now)


NARROWING = ("move", "level", "region_id", "q")
