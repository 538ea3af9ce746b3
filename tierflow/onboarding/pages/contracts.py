"""The contract register: list, entry, one contract, export, and the part of the customer's page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.customers import Customer, visible
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark, text
from tierflow.onboarding import exports as files
from tierflow.onboarding.pages.blueprint import ROW_ID, bp
from tierflow.onboarding.pages.handover import told
from tierflow.onboarding.rules.contracts import STATES
from tierflow.onboarding.schemas import portfolio as given
from tierflow.onboarding.service import contracts as service
from tierflow.onboarding.service.contracts import ContractRow
from tierflow.web.access import reads, writes
from tierflow.web.customer_page import Tab
from tierflow.web.exports import form_of
from tierflow.web.files import inline
from tierflow.web.i18n import show
from tierflow.web.inbox import Kind
from tierflow.web.navigation import Nav
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

CONTRACT = f"/contracts/<{ROW_ID}:contract_id>"
NAV = [Nav(mark("Customers"), 17, mark("Contracts"), "file-earmark-ruled", "onboarding.contracts", "contract.read")]
MOST_CHOICES = 500

BADGES = {
    "to_come": ("info", "calendar-event"),
    "running": ("ok", "check-circle-fill"),
    "ending": ("warn", "exclamation-triangle-fill"),
    "over": ("bad", "x-octagon-fill"),
    "renewed": ("neutral", "arrow-repeat"),
    "ended": ("neutral", "x-circle"),
}


def shown(row: ContractRow) -> dict[str, Any]:
    """A contract as templates name it."""
    contract = row.contract
    kind, icon = BADGES[row.state]
    whole = max((contract.to_on - contract.from_on).days, 1)
    return {
        "id": contract.id,
        "url": url_for("onboarding.contract", contract_id=contract.id),
        "number": contract.number,
        "title": contract.title,
        "customer": row.customer.name,
        "customer_url": url_for("onboarding.customer", customer_id=row.customer.id),
        "from_on": contract.from_on,
        "last_on": row.last_on,
        "value": format_yuan(contract.value) if contract.value is not None else None,
        "custodian": row.custodian.name,
        "place": contract.place,
        "note": contract.note,
        "badge": {"kind": kind, "text": show(STATES[row.state]), "icon": icon},
        "days_left": row.days_left if row.state in ("running", "ending", "over") else None,
        "percent_left": max(0, min(100, 100 * row.days_left // whole)),
        "version": contract.version,
        "is_open": row.state in ("to_come", "running", "ending"),
        "state": row.state,
    }


@bp.get("/contracts")
@reads("contract.read")
def contracts(*, session: Session, actor: Actor, now: datetime) -> str:
    """The register, soonest to end first."""
    wanted = load(given.ContractListSchema(), request.args.to_dict())
    page = service.list_contracts(session, actor, wanted, now, cursor=wanted["cursor"])
    return render_template(
        "onboarding/contracts.html",
        rows=[shown(row) for row in page.rows],
        page=page,
        states=[(key, show(label)) for key, label in STATES.items()],
        has_filter=any(request.args.get(name) for name in ("q", "state", "customer_id", "custodian_id")),
    )


@bp.get("/contracts/new")
@reads("contract.write")
def new_contract(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form; for a renewal it begins with what is renewed."""
    values: dict[str, Any] = {"custodian_id": actor.user_id, "customer_id": request.args.get("customer", "")}
    if request.args.get("renews", "").isdecimal():
        old = service.get(session, actor, int(request.args["renews"]), now)
        values |= {
            "renews_id": old.contract.id,
            "customer_id": old.customer.id,
            "title": old.contract.title,
            "from_on": old.contract.to_on.isoformat(),
            "custodian_id": old.custodian.id,
            "place": old.contract.place,
            "value": format_yuan(old.contract.value) if old.contract.value is not None else "",
        }
    return _new(session, actor, now, values, {}, ())


def _new(session: Session, actor: Actor, now: datetime, values: Any, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    query = select(Customer.id, Customer.name, Customer.number).where(visible(actor)).order_by(Customer.name)
    by_field = {refusal.field: [show(refusal.reason)] for refusal in refusals if refusal.field}
    return render_template(
        "onboarding/contract_new.html",
        values=values,
        errors={**by_field, **errors},
        refusals=told(tuple(refusal for refusal in refusals if not refusal.field)),
        customers=[(row.id, f"{row.name} · {row.number}") for row in session.execute(query.limit(MOST_CHOICES))],
        keepers=[(user.id, user.name) for user in service.keepers(session, now)],
        renewed=service.get(session, actor, int(values["renews_id"]), now) if values.get("renews_id") else None,
    )


def _new_again(
    *, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...], **_rest: Any
) -> str:
    values = request.form.to_dict()
    if not values.get("renews_id", "").isdecimal():
        values.pop("renews_id", None)
    return _new(session, actor, now, values, flat_errors(errors), refusals)


@bp.post("/contracts/new")
@writes("contract.write", on_invalid=_new_again)
def enter_contract(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Enter it with its scan."""
    data = load(given.ContractSchema(), form_data())
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid({"file": [text("Please choose a file.")]})
    made = service.enter(session, actor, data, Upload(sent.filename, sent.stream.read()), now)
    flash(_("Contract %(number)s is in the register.", number=made.number), "ok")
    return redirect(url_for("onboarding.contract", contract_id=made.id))


@bp.get(CONTRACT)
@reads("contract.read")
def contract(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> str:
    """One contract beside its scan."""
    return _shown(session, actor, now, contract_id, {}, ())


def _shown(
    session: Session, actor: Actor, now: datetime, contract_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    row = service.get(session, actor, contract_id, now)
    stored = service.file_of(session, actor, contract_id, now)
    url = url_for("onboarding.contract_file", contract_id=contract_id)
    is_pdf = stored.kind == "pdf"
    return render_template(
        "onboarding/contract.html",
        it=shown(row),
        files=[
            {
                "name": stored.name,
                "url": f"{url}#navpanes=0&view=FitH" if is_pdf else url,
                "kind": "pdf" if is_pdf else "image",
                "thumb_url": None,
            }
        ],
        keepers=[(user.id, user.name) for user in service.keepers(session, now)],
        custodian_id=row.custodian.id,
        may_work=is_allowed(actor, "contract.write"),
        end_reason=row.contract.end_reason,
        errors=errors,
        refusals=told(refusals),
    )


def _again(
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    contract_id: int,
    errors: Any,
    refusals: tuple[Refusal, ...],
    **_rest: Any,
) -> str:
    return _shown(session, actor, now, contract_id, flat_errors(errors), refusals)


@bp.get(f"{CONTRACT}/file")
@reads("contract.read")
def contract_file(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> Response:
    """The scan."""
    return inline(session, service.file_of(session, actor, contract_id, now))


@bp.post(f"{CONTRACT}/custody")
@writes("contract.write", on_invalid=_again)
def change_custody(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> BaseResponse:
    """Say who keeps the paper, and where."""
    service.change_custody(session, actor, contract_id, load(given.CustodySchema(), form_data()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("onboarding.contract", contract_id=contract_id))


@bp.post(f"{CONTRACT}/end")
@writes("contract.write", on_invalid=_again)
def end_contract(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> BaseResponse:
    """End it before its day."""
    service.end(session, actor, contract_id, load(ReasonSchema(), form_data())["reason"], now)
    flash(_("The contract is ended."), "ok")
    return redirect(url_for("onboarding.contract", contract_id=contract_id))


@bp.post("/contracts/export")
@reads("contract.export", preview=True)
def export_contracts(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The register as a file, with the filter of the page it was asked from."""
    wanted = load(
        given.ContractListSchema(), {key: request.form[key] for key in ("q", "state") if request.form.get(key)}
    )
    return files.contracts(session, actor, wanted, form_of(request.form), now)


def part(session: Session, actor: Actor, customer_id: int, now: datetime) -> Markup:
    """The part of the customer's page that is about contracts."""
    rows = [shown(row) for row in service.of_customer(session, actor, customer_id, now)]
    new_url = url_for("onboarding.new_contract", customer=customer_id) if is_allowed(actor, "contract.write") else None
    page = render_template("onboarding/_contracts.html", rows=rows, new_url=new_url)
    return Markup(page)  # noqa: S704 - a template of ours


def init(app: Flask) -> None:
    """Attach navigation, notices and the customer page's part."""
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"]["contract"] = Kind(
        mark("Contract"), "file-earmark-ruled", "onboarding.contract", "contract_id"
    )
    app.extensions["customer_tabs"].append(Tab("contracts", mark("Contracts"), "contract.read", part))
