"""Papers handed in anew: the form, the link for the customer's phone, the examiner's page (CHEM-15)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import segno
from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import Seen, decisions_of
from tierflow.common.approvals import why_not as why_not_decide
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import get_visible
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import EDITABLE, State, Verdict
from tierflow.kernel.errors import Invalid, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import DATED, PAPER_LABELS
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import text
from tierflow.onboarding.models import Paper, PaperRenewal
from tierflow.onboarding.pages import chain, matters, views
from tierflow.onboarding.pages.blueprint import CUSTOMER, ROW_ID, bp
from tierflow.onboarding.rules.papers import PaperFact
from tierflow.onboarding.rules.renewal import OnFile, overlaps
from tierflow.onboarding.schemas import keeping as wanted
from tierflow.onboarding.service import examining, links, renewing
from tierflow.onboarding.service.reading import DecisionSeen
from tierflow.web.access import keep_no_answer, reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import day, moment

RENEWAL = f"/paper-renewals/<{ROW_ID}:renewal_id>"
PRINTED = ("number", "issuer", "valid_from", "valid_to", "is_long_term", "remark")
AT_FIELD = (*PRINTED, "file", "reason")


@bp.get(f"{CUSTOMER}/papers/<kind>/renew")
@reads("paper.renew")
def renew_paper(*, session: Session, actor: Actor, now: datetime, customer_id: int, kind: str) -> str:
    """The form: a new version, or a proof of renewal; or a link for the customer's phone."""
    return _form(session, actor, now, customer_id, kind, {}, ())


def _form(
    session: Session,
    actor: Actor,
    now: datetime,
    customer_id: int,
    kind: str,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    customer = get_visible(session, actor, customer_id)
    if kind not in DATED:
        raise NotFound
    on_file = renewing.latest(session, customer.id, kind)
    owes_scan = on_file is not None and not renewing.on_file(session, on_file).has_scan
    at_field, elsewhere = matters.split(refusals, AT_FIELD)
    return render_template(
        "onboarding/renew.html",
        owes_scan=owes_scan,
        customer=customer,
        kind=kind,
        label=show(PAPER_LABELS[kind]),
        is_proof=(request.form.get("is_proof") or request.args.get("proof")) == "1",
        proof_days=policy_on(session, local_day(now)).integer("papers.proof_max_days"),
        on_file=_version(on_file, now) if on_file else None,
        values={
            "number": on_file.number if on_file else customer.credit_code or "",
            "issuer": on_file.issuer if on_file else "",
            **(_as_on_file(on_file) if on_file and owes_scan and not request.form else {}),
            **request.form.to_dict(),
        },
        links=[_link(row) for row in links.open_links(session, customer.id, now)],
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def _as_on_file(paper: Paper) -> dict[str, Any]:
    """The days as taken over, for whoever hands in the scan of that very paper."""
    days = {name: value.isoformat() if (value := getattr(paper, name)) else "" for name in ("valid_from", "valid_to")}
    return {**days, "is_long_term": paper.is_long_term}


def _version(paper: Any, now: datetime) -> dict[str, Any]:
    """A version of a paper: what is printed on it, and how long it holds."""
    return {
        "facts": views.paper_facts(paper),
        "validity": views.validity(paper.valid_from, paper.valid_to, paper.is_long_term, local_day(now)),
    }


def _link(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "label": show(PAPER_LABELS[row.kind]),
        "is_proof": row.is_proof,
        "expires": moment(row.expires_at),
    }


def _form_again(
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    customer_id: int,
    kind: str,
    errors: Any,
    refusals: tuple[Refusal, ...],
) -> str:
    return _form(session, actor, now, customer_id, kind, flat_errors(errors), refusals)


@bp.post(f"{CUSTOMER}/papers/<kind>/renew")
@writes("paper.renew", on_invalid=_form_again)
def renew_paper_post(*, session: Session, actor: Actor, now: datetime, customer_id: int, kind: str) -> BaseResponse:
    """Hand the paper in to its examiners."""
    data = load(wanted.RenewSchema(), {**form_data(), "kind": kind})
    data.pop("kind")
    is_proof = data.pop("is_proof")
    row = renewing.renew(session, actor, customer_id, kind, data, sent("file"), now, is_proof=is_proof)
    flash(_("Handed in; its examiner finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.renewal", renewal_id=row.id))


def sent(name: str) -> Upload:
    """The file of a form. Raises `Invalid` when none was chosen."""
    file = request.files.get(name)
    if file is None or not file.filename:
        raise Invalid({name: [text("Choose the scanned file.")]})
    return Upload(file.filename, file.stream.read())


@bp.post(f"{CUSTOMER}/papers/<kind>/link")
@writes("paper.renew", on_invalid=_form_again)
def make_link(*, session: Session, actor: Actor, now: datetime, customer_id: int, kind: str) -> str:
    """A link for the customer's phone, shown once."""
    given = load(wanted.LinkSchema(), {**form_data(), "kind": kind})
    row, secret = links.make(session, actor, customer_id, given.pop("kind"), now, **given)
    keep_no_answer()
    url = url_for("onboarding.phone_upload", secret=secret, _external=True)
    drawing = segno.make(url, error="m").svg_inline(scale=5, border=2, dark="#0b3b45", light="#ffffff")
    return render_template(
        "onboarding/link.html",
        customer=get_visible(session, actor, customer_id),
        link=_link(row),
        url=url,
        qr=Markup(drawing),  # noqa: S704 - drawn here, from our own address
    )


@bp.post(f"/upload-links/<{ROW_ID}:link_id>/revoke")
@writes("paper.renew")
def revoke_link(*, session: Session, actor: Actor, now: datetime, link_id: int) -> BaseResponse:
    """Take a link back."""
    row = links.revoke(session, actor, link_id, now)
    flash(_("The link is taken back."), "ok")
    return redirect(url_for("onboarding.renew_paper", customer_id=row.customer_id, kind=row.kind))


@bp.get(RENEWAL)
@reads("customer.read")
def renewal(*, session: Session, actor: Actor, now: datetime, renewal_id: int) -> str:
    """A paper handed in anew: old and new side by side, its scan, the verdict."""
    return _page(session, actor, now, renewal_id, {}, ())


def _page(
    session: Session,
    actor: Actor,
    now: datetime,
    renewal_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    view = renewing.view(session, actor, renewal_id)
    row, case, on_file = view.renewal, view.case, view.on_file
    at_field, elsewhere = matters.split(refusals, AT_FIELD)
    in_approval = case.state == State.IN_APPROVAL.value
    mine = is_allowed(actor, "paper.renew") and examining.keeper(session, actor, view.customer)

    def url(file_id: int) -> str:
        return url_for("onboarding.show_customer_file", customer_id=view.customer.id, file_id=file_id)

    new = {"label": _("Handed in"), "file": views.file(view.file, url), "validity": None}
    scans = [new]
    if view.on_file_scan is not None:
        scans.append({"label": _("On file"), "file": views.file(view.on_file_scan, url), "validity": None})
    return render_template(
        "onboarding/renewal.html",
        row=row,
        case=case,
        customer=view.customer,
        label=show(PAPER_LABELS[row.kind]),
        badge=views.state_badge(case),
        due=views.deadline(views.due(case, working_calendar(session), now)),
        compared=compared(row, on_file),
        validity=_version(row, now)["validity"],
        who=view.handed_in_by.name,
        overlap=bool(
            on_file and not row.is_proof and overlaps(_fact(row), OnFile(on_file.valid_from, on_file.valid_to))
        ),
        by_link=view.link is not None,
        files=views.viewer_files(scans),
        steps=[chain.step_of(DecisionSeen(*found)) for found in decisions_of(session, case.id)],
        may_decide=is_allowed(actor, "paper.examine") and in_approval and not why_not_decide(session, case, actor),
        may_correct=mine and State(case.state) in EDITABLE,
        values={**{field: getattr(row, field) for field in PRINTED}, **request.form.to_dict()},
        errors={**errors, **at_field},
        refusals=elsewhere,
    )


def compared(row: PaperRenewal, on_file: Any) -> list[dict[str, Any]]:
    """What is printed on the paper, on file and new, field by field."""
    fields = ("number", "issuer", "valid_from", "valid_to")
    return [
        {
            "label": views.label(field),
            "old": _printed(on_file, field) if on_file else "",
            "new": _printed(row, field),
            "changed": bool(on_file) and _printed(on_file, field) != _printed(row, field),
        }
        for field in fields
    ]


def _printed(paper: Any, field: str) -> str:
    value = getattr(paper, field)
    if field == "valid_to" and paper.is_long_term:
        value = _("Long-term")
    elif field.startswith("valid"):
        value = day(value)
    return str(value or "")


def _fact(row: PaperRenewal) -> PaperFact:
    return PaperFact(row.kind, valid_from=row.valid_from, valid_to=row.valid_to, is_long_term=row.is_long_term)


def _again(
    *, session: Session, actor: Actor, now: datetime, renewal_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _page(session, actor, now, renewal_id, flat_errors(errors), refusals)


@bp.post(f"{RENEWAL}/decide")
@writes("paper.examine", on_invalid=_again)
def decide_renewal(*, session: Session, actor: Actor, now: datetime, renewal_id: int) -> BaseResponse:
    """The examiner's verdict."""
    given = load(wanted.VerdictSchema(), form_data())
    seen, verdict = Seen(given["version"], given["step"]), Verdict(given["verdict"])
    row = renewing.decide(session, actor, renewal_id, seen, verdict, now, reason=given["reason"] or "")
    flash(_("Recorded. Business goes on.") if row.outcome == "accepted" else _("Your verdict is recorded."), "ok")
    return redirect(url_for("home.inbox"))


@bp.post(f"{RENEWAL}/correct")
@writes("paper.renew", on_invalid=_again)
def correct_renewal(*, session: Session, actor: Actor, now: datetime, renewal_id: int) -> BaseResponse:
    """Correct what came back, and hand it in again."""
    data = load(wanted.PaperTextSchema(), form_data())
    data.setdefault("is_long_term", False)
    file = request.files.get("file")
    upload = Upload(file.filename, file.stream.read()) if file is not None and file.filename else None
    renewing.correct(session, actor, renewal_id, data, now, upload=upload)
    flash(_("Handed in again."), "ok")
    return redirect(url_for("onboarding.renewal", renewal_id=renewal_id))
