"""Screens of the month under way: tonnes to go, the customer's part, levels by hand, indicators keyed in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import decided_for, why_not
from tierflow.common.customers import Customer, get_visible
from tierflow.common.indicators import completion
from tierflow.common.reference import ProductLine
from tierflow.grading.api.levels import first_line
from tierflow.grading.models import LevelPin
from tierflow.grading.pages import views
from tierflow.grading.pages.blueprint import ROW_ID, bp
from tierflow.grading.rules.levels import LADDER, Level
from tierflow.grading.schemas import given
from tierflow.grading.service import derived, keying, month_file, pins, watching
from tierflow.grading.service.watching import Picture
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web import charts
from tierflow.web.access import reads, writes
from tierflow.web.customer_page import Tab
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import day, moment

CUSTOMER = f"/levels/customers/<{ROW_ID}:customer_id>"


@bp.get("/levels/customers")
@reads("grading.read")
def ways(*, session: Session, actor: Actor, now: datetime) -> str:
    """Customers by the tonnes they still need this month, nearest first."""
    wanted = load(given.WaysSchema(), request.args.to_dict())
    today = local_day(now)
    lines = watching.star_lines(session, today)
    line_id = wanted["product_line_id"] or first_line(session, now)
    query, keep, gain, _grams = watching.ways(session, actor, line_id, today, wanted)
    sorts = (Sort("way", gain if wanted["only"] == "gain" else keep), Sort("number", Customer.number))
    found = page_of(session, query, sorts, cursor=wanted["cursor"])
    return render_template(
        "grading/ways.html",
        rows=[_way(*row) for row in found.rows],
        page=found,
        only=wanted["only"],
        lines=[(line.id, views.line_name(line)) for line in lines],
        levels=views.level_options(),
        regions=views.region_options(session, now),
        month=str(Month.of(today)),
        days_left=(Month.of(today).end - today).days,
    )


def _way(customer: Customer, level: str, grams: int, keep: int, gain: int) -> dict[str, Any]:
    rank = Level(level).rank
    return {
        "name": customer.name,
        "number": customer.number,
        "url": url_for("onboarding.customer", customer_id=customer.id),
        "level": level,
        "tonnes": views.tonnes(grams),
        "keep": views.to_go(keep) if keep else None,
        "gain": views.to_go(gain) if gain else None,
        "next": LADDER[rank + 1].value if rank + 1 < len(LADDER) else None,
        "below": LADDER[rank - 1].value if rank else None,
        "keep_percent": 100 * grams // (grams + keep) if keep else 100,
        "gain_percent": 100 * grams // (grams + gain) if gain else 100,
    }


def part(session: Session, actor: Actor, customer_id: int, now: datetime) -> Markup:
    """The part of the customer's page that is about levels."""
    found = [_picture(each, now) for each in watching.pictures(session, actor, customer_id, now)]
    may_pin = is_allowed(actor, "grading.pin")
    shown = render_template("grading/_customer.html", pictures=found, may_pin=may_pin, customer_id=customer_id)
    return Markup(shown)  # noqa: S704 - a template of ours


TAB = Tab("levels", mark("Levels"), "grading.read", part)


def _picture(found: Picture, now: datetime) -> dict[str, Any]:
    ahead, policy, customer_id = found.outlook, found.policy, found.standing.customer_id
    basis = {
        "direct": _("A direct customer is managed as planned ordinary"),
        "pinned": _("Set by hand until %(day)s; computed: %(level)s", day="{day}", level="{level}"),
        "run": _("Earned by %(month)s", month="{month}"),
        "adjusted": _("Earned by %(month)s, adjusted", month="{month}"),
        "admission": _("Since admission"),
    }[found.standing.basis]
    basis = basis.format(
        day=day(found.standing.to_on) if found.standing.to_on else "",
        level=views.level_word(found.standing.computed),
        month=str(Month.of(found.standing.month)) if found.standing.month else "",
    )
    return {
        "name": views.line_name(found.line),
        "line_id": found.line.id,
        "is_direct": found.customer_class == "direct",
        "level": found.standing.level,
        "basis": basis,
        "pending": str(Month.of(found.pending.month)) if found.pending else None,
        "chart": _chart(found),
        "months": [
            [
                str(each.month),
                format_tonnes(each.grams),
                views.level_word(each.decision.level) if each.decision else "—",
            ]
            for each in found.months
        ],
        "decided": [
            {
                "month": str(each.month),
                "tonnes": views.tonnes(each.grams),
                "level": each.decision.level,
                "move": each.decision.move,
                "explain_url": url_for("grading.explain", run_id=each.decision.run_id, customer_id=customer_id),
            }
            for each in reversed(found.months)
            if each.decision is not None
        ],
        "thresholds": [
            {"at": getattr(policy, name), "label": views.level_word(name)}
            for name in ("one_star", "two_star", "three_star")
        ],
        "grams": ahead.grams,
        "tonnes": views.tonnes(ahead.grams),
        "held": ahead.held.value,
        "would": ahead.would.level.value,
        "would_move": ahead.would.move,
        "keep": views.to_go(ahead.keep_grams) if ahead.keep_grams else None,
        "gain": views.to_go(ahead.gain_grams) if ahead.gain_grams else None,
        "gain_level": ahead.gain.value if ahead.gain else None,
        "gained": ahead.gain is not None and ahead.gain_grams == 0,
        "held_back_by": views.indicator_rows(ahead.held_back_by),
        "days_left": found.days_left,
        "history": [
            {
                "level": row.level,
                "from": day(row.from_on),
                "to": day(row.to_on) if row.to_on else None,
                "basis": {"run": _("month close"), "adjusted": _("adjustment"), "pinned": _("by hand")}[row.basis],
                "recorded": moment(row.recorded_at),
            }
            for row in found.history
        ],
        "pins": [
            {"level": pin.level, "state": pin.state, "url": url_for("grading.pin", pin_id=pin.id), "to": day(pin.to_on)}
            for pin in found.pins
            if pin.state == "waiting"
        ],
    }


def _chart(found: Picture) -> Markup:
    kinds = {"up": "ok", "down": "bad", "held": "warn"}
    points = [
        charts.Point(
            str(each.month)[2:],
            each.grams,
            kinds.get(each.decision.move, "") if each.decision else "muted",
            views.level_word(each.decision.level) if each.decision else _("not closed yet"),
        )
        for each in found.months
    ]
    stars = [("one_star", "★"), ("two_star", "★★"), ("three_star", "★★★")]
    lines = [charts.Threshold(getattr(found.policy, name), label) for name, label in stars]
    return charts.bars(points, title=_("Offtake of twelve months, t"), form=views.short_tonnes, thresholds=lines)


@bp.get(f"{CUSTOMER}/pin")
@reads("grading.pin")
def pin_form(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """The form for a level by hand."""
    return _pin_form(session, actor, now, customer_id, {}, (), {})


def _pin_form(
    session: Session, actor: Actor, now: datetime, customer_id: int, errors: Any, refusals: Any, values: dict[str, Any]
) -> str:
    customer = get_visible(session, actor, customer_id)
    lines = watching.pictures(session, actor, customer_id, now)
    return render_template(
        "grading/pin_form.html",
        customer=customer,
        lines=[(each.line.id, views.line_name(each.line)) for each in lines],
        stands=[(views.line_name(each.line), each.standing.level, each.standing.computed) for each in lines],
        levels=views.level_options(),
        values={"from_on": local_day(now).isoformat(), **values},
        errors=flat_errors(errors),
        refusals=refusals,
    )


def _pin_again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, customer_id: int, **_route: Any
) -> str:
    return _pin_form(session, actor, now, customer_id, errors, refusals, request.form.to_dict())


@bp.post(f"{CUSTOMER}/pin")
@writes("grading.pin", on_invalid=_pin_again)
def ask_pin(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> BaseResponse:
    """Ask for a level by hand."""
    pins.ask(session, actor, customer_id, load(given.PinSchema(), form_data()), now)
    flash(_("The general manager finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.customer", customer_id=customer_id))


@bp.get(f"/levels/pins/<{ROW_ID}:pin_id>")
@reads("grading.read")
def pin(*, session: Session, actor: Actor, now: datetime, pin_id: int) -> str:
    """One level by hand, decided here."""
    return _pin(session, actor, now, pin_id, {}, ())


def _pin(session: Session, actor: Actor, now: datetime, pin_id: int, errors: Any, refusals: Any) -> str:
    row, case = pins.get(session, actor, pin_id), pins.case_of(session, pin_id)
    customer = session.get_one(Customer, row.customer_id)
    people = views.names(session, {row.asked_by_id, row.decided_by_id or row.asked_by_id})
    line = session.get_one(ProductLine, row.product_line_id)
    return render_template(
        "grading/pin.html",
        pin=row,
        customer=customer,
        line=views.line_name(line),
        asked_by=people.get(row.asked_by_id),
        decided_by=people.get(row.decided_by_id or 0),
        for_whom=decided_for(session, [case.id]).get(case.id) if case is not None else None,
        case=case,
        remark=request.form.get("remark", ""),
        may_decide=is_allowed(actor, "grading.decide") and case is not None and not why_not(session, case, actor),
        errors=flat_errors(errors),
        refusals=refusals,
    )


def _pin_page_again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, pin_id: int, **_route: Any
) -> str:
    return _pin(session, actor, now, pin_id, errors, refusals)


@bp.post(f"/levels/pins/<{ROW_ID}:pin_id>/decision")
@writes("grading.decide", on_invalid=_pin_page_again)
def decide_pin(*, session: Session, actor: Actor, now: datetime, pin_id: int) -> BaseResponse:
    """Approve or reject a level by hand."""
    pins.decide(session, actor, pin_id, load(given.PinDecisionSchema(), form_data()), now)
    flash(_("Decided."), "ok")
    return redirect(url_for("grading.pin", pin_id=pin_id))


@bp.get("/levels/pins")
@reads("grading.read")
def pin_list(*, session: Session, actor: Actor, now: datetime) -> str:
    """Levels by hand, newest first."""
    wanted = load(given.PinsSchema(), request.args.to_dict())
    sorts = [Sort("id", LevelPin.id, True)]
    found = page_of(session, pins.listed(actor, wanted["state"]), sorts, cursor=wanted["cursor"])
    return render_template("grading/pins.html", rows=found.rows, page=found)


@bp.get("/levels/facts")
@reads("grading.read")
def month_facts(*, session: Session, actor: Actor, now: datetime) -> str:
    """Indicators of a month beside its offtake, keyed in here."""
    return _facts(session, actor, now, {}, (), {})


def _facts(session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, values: dict[str, Any]) -> str:
    asked = request.args.to_dict() if request.method == "GET" else {}
    if request.method == "POST":
        asked = {name: request.form[name] for name in ("product_line_id", "month") if request.form.get(name)}
    wanted = load(given.FactsListSchema(), {} if errors.get("month") or errors.get("product_line_id") else asked)
    month = wanted["month"] or Month.of(local_day(now)).previous()
    line_id = wanted["product_line_id"] or first_line(session, now)
    query = keying.listed(actor, line_id, month)
    found = page_of(session, query, [Sort("number", Customer.number)], cursor=wanted["cursor"])
    told = derived.inputs(session, derived.span(session, line_id, [month]), [row[0].id for row in found.rows])
    return render_template(
        "grading/facts.html",
        rows=[_fact(line_id, month, told[row[0].id], *row) for row in found.rows],
        page=found,
        month=str(month),
        line_id=line_id,
        lines=[(line.id, views.line_name(line)) for line in watching.star_lines(session, local_day(now))],
        may_key=is_allowed(actor, "grading.key"),
        values=values,
        errors=_row_errors(errors),
        refusals=refusals,
    )


def _row_errors(errors: Any) -> dict[str, Any]:
    """Errors of pasted rows, told by line under the one field they were pasted into."""
    flat = flat_errors(errors)
    told: dict[str, Any] = {}
    for name, messages in flat.items():
        if name.startswith("rows."):
            row = int(name.split(".")[1]) + 1 if name.split(".")[1].isdigit() else 0
            told.setdefault("pasted", []).extend(_("Line %(row)s: %(what)s", row=row, what=m) for m in messages)
        else:
            told["pasted" if name == "rows" else name] = messages
    return told


INDICATORS = ("evenness", "payment_discipline", "breaches", "cooperation")


def _fact(
    line_id: int, month: Month, told: derived.Inputs, customer: Customer, grams: int | None, known: Any
) -> dict[str, Any]:
    planned = known.planned_grams if known else None
    done = completion(grams or 0, planned)
    values = {name: getattr(known, name) if known else None for name in INDICATORS}
    by_hand = {name: values[name] is not None and getattr(told, name) is None for name in keying.WORKED_OUT}
    values |= {name: getattr(told, name) for name in keying.WORKED_OUT if getattr(told, name) is not None}
    has_inputs = told.evenness is not None or told.due
    place: dict[str, Any] = {"product_line_id": line_id, "period": str(month), "customer_id": customer.id}
    return {
        "name": customer.name,
        "number": customer.number,
        "url": url_for("onboarding.customer", customer_id=customer.id),
        "tonnes": views.tonnes(grams or 0),
        "planned": views.tonnes(planned) if planned is not None else "—",
        "completion": views.amount("plan_completion", done) if done is not None else "—",
        **{name: "—" if value is None else views.amount(name, value) for name, value in values.items()},
        "by_hand": by_hand,
        "reason": known.reason if known else None,
        "inputs_url": url_for("grading.inputs", **place) if has_inputs else None,
    }


def _facts_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, **_route: Any) -> str:
    return _facts(session, actor, now, errors, refusals, request.form.to_dict())


@bp.post("/levels/facts")
@writes("grading.key", on_invalid=_facts_again)
def key_facts(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Key in indicators: rows of a file, or pasted ones, all or none."""
    form, file = form_data(), request.files.get("file")
    pasted = str(form.pop("pasted", ""))
    if file is not None and file.filename:
        form["rows"] = month_file.rows_of(file.stream.read(), given.MOST_ROWS)
    else:
        form["rows"] = given.pasted(pasted)
    asked = load(given.FactsSchema(), form)
    number = keying.key(session, actor, asked, now)
    flash(_("%(number)s customers keyed in.", number=number), "ok")
    return redirect(url_for("grading.month_facts", product_line_id=asked["product_line_id"], month=str(asked["month"])))
