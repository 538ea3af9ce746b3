"""Screens of policy drafts: values as a form with their clauses, the difference, trials on past months, adoption."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import ApprovalCase, decisions_of, why_not
from tierflow.common.policies import PolicyVersion, catalogue, policy_on
from tierflow.common.reference import ProductLine
from tierflow.grading.api.policy import BY_MOVE
from tierflow.grading.models import BackTest
from tierflow.grading.pages import draft_values as values
from tierflow.grading.pages import views
from tierflow.grading.pages.blueprint import ROW_ID, bp
from tierflow.grading.rules.drafted import checked
from tierflow.grading.schemas import given
from tierflow.grading.service import drafts as service
from tierflow.grading.service import runs, trials, watching
from tierflow.kernel.approval import State
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web import charts
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.paging import page_of
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import moment

DRAFT = f"/levels/policies/<{ROW_ID}:version>"
TRIAL = f"/levels/trials/<{ROW_ID}:test_id>"


def badge_of(row: PolicyVersion, case: ApprovalCase | None) -> tuple[str, str]:
    """A version's state as badge; of a draft that was handed in, where that stands."""
    if row.state == "draft" and case is not None and case.state == State.IN_APPROVAL:
        return "info", _("Waits for the decision")
    if row.state == "draft" and case is not None and case.state == State.RETURNED:
        return "warn", _("Returned for correction")
    known = {"draft": ("warn", _("Draft")), "adopted": ("ok", _("Adopted")), "dropped": ("neutral", _("Dropped"))}
    return known[row.state]


@bp.get("/levels/policies")
@reads("draft.read")
def drafts(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every policy version and draft."""
    rows, cases = service.listed(session, actor), service.cases(session)
    return render_template(
        "grading/drafts.html",
        rows=[(row, badge_of(row, cases.get(row.version))) for row in rows],
        in_force=policy_on(session, local_day(now)).version,
        may_write=is_allowed(actor, "draft.write"),
    )


@bp.post("/levels/policies")
@writes("draft.write")
def create_draft(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Begin a draft from the policy in force."""
    row = service.create(session, actor, load(given.DraftSchema(), form_data()), now)
    return redirect(url_for("grading.draft", version=row.version))


@bp.get(DRAFT)
@reads("draft.read")
def draft(*, session: Session, actor: Actor, now: datetime, version: int) -> str:
    """One version or draft: its values, what it changes, its trials."""
    return _draft(session, actor, now, version, {}, (), None)


def _draft(session: Session, actor: Actor, now: datetime, version: int, errors: Any, refusals: Any, typed: Any) -> str:
    row = service.get(session, actor, version)
    case, today = service.case_of(session, row), local_day(now)
    is_draft = row.state == "draft"
    by_key = flat_errors(errors)
    for refusal in refusals:
        if refusal.field:
            by_key.setdefault(f"v-{refusal.field}", []).append(refusal.reason)
    lines = watching.star_lines(session, today)
    closed = runs.newest(session, lines[0].id) if lines else None
    last = Month.of(closed.month) if closed is not None else Month.of(today).previous()
    terms = catalogue()
    return render_template(
        "grading/draft.html",
        row=row,
        badge=badge_of(row, case),
        groups=_groups(row, policy_on(session, today), typed),
        labels={f"v-{key}": show(term.label) for key, term in terms.items()}
        | {"in_force_from": _("In force from"), "remark": _("Remark"), "source": _("Source: article or resolution")},
        changes=[
            {
                "label": show(terms[each.key].label) if each.key in terms else each.key,
                "clause": terms[each.key].clause if each.key in terms else "",
                "before": values.said(terms.get(each.key), each.old),
                "after": values.said(terms.get(each.key), each.new),
            }
            for each in service.changes(session, row, today)
        ]
        if is_draft
        else [],
        checked=[(each.clause, show(each.words)) for each in checked(service.as_draft(row))] if is_draft else [],
        case=case,
        steps=_steps(session, row, case),
        is_waiting=is_draft and case is not None and case.state == State.IN_APPROVAL,
        tests=[_test(session, row, test) for test in trials.of(session, row.id)],
        lines=[(line.id, views.line_name(line)) for line in lines],
        first=str(last.plus(-11)),
        last=str(last),
        may_write=is_draft and is_allowed(actor, "draft.write"),
        may_try=is_draft and is_allowed(actor, "draft.try"),
        may_adopt=case is not None and is_allowed(actor, "draft.adopt") and not why_not(session, case, actor),
        asked=request.form if request.method == "POST" else {},
        errors=by_key,
        refusals=[refusal for refusal in refusals if not refusal.field],
    )


def _groups(row: PolicyVersion, now_in_force: Policy, typed: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = {"grading": _("Monthly levels"), "review": _("Periodic reviews")}
    found: dict[str, list[dict[str, Any]]] = {}
    for key, term in catalogue().items():
        group = titles.get(key.partition(".")[0], _("Everything else"))
        stored = row.values.get(key)
        before = now_in_force.values.get(key)
        found.setdefault(group, []).append(
            {
                "name": f"v-{key}",
                "label": show(term.label),
                "unit": values.unit_of(term),
                "clause": _("house rule") if term.clause == "house" else term.clause,
                "value": typed.get(f"v-{key}", "") if typed else values.written(term, stored),
                "parts": values.parts(key, stored, typed),
                "kind": term.kind,
                "said": values.said(term, stored),
                "before": values.said(term, before),
                "differs": written_alike(stored) != written_alike(before),
            }
        )
    order = [*titles.values(), _("Everything else")]
    return sorted(found.items(), key=lambda group: order.index(group[0]))


def written_alike(value: Any) -> Any:
    """Lists and tuples of the same entries are the same value."""
    return tuple(value) if isinstance(value, list) else value


def _again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, version: int, **_route: Any
) -> str:
    typed = request.form.to_dict() if any(name.startswith("v-") for name in request.form) else None
    return _draft(session, actor, now, version, errors, refusals, typed)


@bp.post(DRAFT)
@writes("draft.write", on_invalid=_again)
def save_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Change a draft's values."""
    typed = values.read_values(request.form)
    asked = load(given.DraftSchema(), {"source": request.form.get("source"), "values": typed})
    service.save(session, actor, version, asked, now)
    flash(_("Saved."), "ok")
    return redirect(url_for("grading.draft", version=version))


@bp.post(f"{DRAFT}/drop")
@writes("draft.write", on_invalid=_again)
def drop_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Give a draft up."""
    service.drop(session, actor, version, now)
    return redirect(url_for("grading.drafts"))


def _steps(session: Session, row: PolicyVersion, case: ApprovalCase | None) -> list[dict[str, Any]]:
    """Who handed the draft in and who decided, round by round."""
    if case is None:
        return []
    words = {"approve": "approved", "return": "returned"}
    found = [
        {
            "label": _("general manager"),
            "state": words[decision.verdict],
            "verdict": _("Adopted") if decision.verdict == "approve" else None,
            "who": user.name,
            "for_whom": absent.name if absent is not None else None,
            "at": moment(decision.decided_at),
            "iso": decision.decided_at.isoformat(),
            "reason": decision.reason,
        }
        for decision, user, absent in decisions_of(session, case.id)
    ]
    if row.state == "draft" and case.state == State.IN_APPROVAL:
        found.append({"label": _("general manager"), "state": "current", "at": moment(case.waiting_since)})
    return found


@bp.post(f"{DRAFT}/hand-in")
@writes("draft.write", on_invalid=_again)
def hand_in_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Send a draft to the general manager."""
    service.hand_in(session, actor, version, now)
    flash(_("The general manager finds it in the inbox."), "ok")
    return redirect(url_for("grading.draft", version=version))


@bp.post(f"{DRAFT}/adopt")
@writes("draft.adopt", on_invalid=_again)
def adopt_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Adopt what was handed in, from a day on."""
    service.adopt(session, actor, version, load(given.AdoptSchema(), form_data()), now)
    flash(_("Adopted."), "ok")
    return redirect(url_for("grading.draft", version=version))


@bp.post(f"{DRAFT}/return")
@writes("draft.adopt", on_invalid=_again)
def return_draft(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Send a draft back for correction."""
    service.send_back(session, actor, version, load(given.DraftReturnSchema(), form_data()), now)
    flash(_("Sent back."), "ok")
    return redirect(url_for("grading.draft", version=version))


@bp.post(f"{DRAFT}/trials")
@writes("draft.try", on_invalid=_again)
def start_trial(*, session: Session, actor: Actor, now: datetime, version: int) -> BaseResponse:
    """Try a draft on closed months."""
    test = trials.start(session, actor, version, load(given.TrialSchema(), form_data()), now)
    return redirect(url_for("grading.trial", test_id=test.id))


def _test(session: Session, row: PolicyVersion, test: BackTest) -> dict[str, Any]:
    return {
        "url": url_for("grading.trial", test_id=test.id),
        "months": f"{Month.of(test.first_month)} – {Month.of(test.last_month)}",
        "line": views.line_name(session.get_one(ProductLine, test.product_line_id)),
        "at": moment(test.started_at),
        "state": test.state,
        "done": test.done,
        "total": max(test.total, test.done, 1),
        "is_stale": trials.stale(test, row),
    }


@bp.get(TRIAL)
@reads("draft.read")
def trial(*, session: Session, actor: Actor, now: datetime, test_id: int) -> str:
    """A trial: who would have stood elsewhere, by month, region and customer."""
    test = trials.get(session, actor, test_id)
    row = session.get_one(PolicyVersion, test.policy_version_id)
    wanted = load(given.TrialMovesSchema(), request.args.to_dict())
    found = page_of(session, trials.moves(actor, test, wanted), BY_MOVE, cursor=wanted["cursor"])
    open_ = views.seen_customers(session, actor, [row[0].customer_id for row in found.rows])
    told = trials.summary(session, test)
    months = sorted(told["months"].items())
    return render_template(
        "grading/trial.html",
        test=_test(session, row, test),
        version=row.version,
        levels=[(views.level_word(level), level, f"{real:,}", f"{would:,}") for level, real, would in told["levels"]],
        chart=charts.stacked_bars(
            [month[2:] for month, _count in months],
            [
                charts.Series(_("higher"), [count["higher"] for _month, count in months]),
                charts.Series(_("lower"), [count["lower"] for _month, count in months]),
            ],
            title=_("Customers that would have stood elsewhere"),
            empty=_("Nobody would have stood elsewhere"),
        ),
        months=[_counts(month, count) for month, count in months],
        regions=[_counts(region, count) for region, count in sorted(told["regions"].items())],
        rows=[
            {
                "url": url_for("onboarding.customer", customer_id=customer.id) if customer.id in open_ else None,
                "name": customer.name,
                "number": customer.number,
                "region": region,
                "month": str(Month.of(move.month)),
                "tonnes": views.tonnes(move.grams),
                "real": move.real_level,
                "draft": move.draft_level,
            }
            for move, customer, region in found.rows
        ],
        page=found,
        region_options=views.region_options(session, now),
    )


def _counts(label: str, count: Any) -> list[str]:
    return [
        label,
        f"{count['higher']:,}",
        format_tonnes(count["higher_grams"]),
        f"{count['lower']:,}",
        format_tonnes(count["lower_grams"]),
        f"{count['same']:,}",
    ]
