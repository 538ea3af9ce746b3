"""The page behind an upload link: for a customer's phone, without an account, once (CHEM-15)."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask_babel import gettext as _

from tierflow.common import uploads
from tierflow.common.db import db, transaction
from tierflow.common.policies import policy_on
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.qualification import PAPER_LABELS
from tierflow.onboarding.pages import matters
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.pages.renewing import AT_FIELD, sent
from tierflow.onboarding.schemas import keeping as wanted
from tierflow.onboarding.service import links
from tierflow.web.access import public, sent_files
from tierflow.web.context import address, now, today
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import moment

PHONE = "/upload/<secret>"


@bp.get(PHONE)
@public
def phone_upload(secret: str) -> Any:
    """What is asked for, and the form; or that the link is used or over."""
    return _page(secret, {}, [])


def _page(secret: str, errors: dict[str, Any], refusals: list[dict[str, str]], status: int = 200) -> Any:
    session = db.session()
    try:
        link, customer = links.find(session, secret, now())
    except NotFound:
        return render_template("onboarding/phone.html", link=None), 404
    shown = render_template(
        "onboarding/phone.html",
        link=link,
        secret=secret,
        company=customer.name,
        label=show(PAPER_LABELS[link.kind]),
        expires=moment(link.expires_at),
        proof_days=policy_on(session, today()).integer("papers.proof_max_days"),
        values={
            "number": customer.credit_code or "" if link.kind == "merged_licence" else "",
            **request.form.to_dict(),
        },
        errors=errors,
        refusals=refusals,
    )
    return shown, status


@bp.post(PHONE)
@public
def phone_upload_post(secret: str) -> Any:
    """Take the paper and use the link up. What is wrong is said at its field, and counts towards the throttle.

    The file is a stranger's: it is opened for a link that holds, and before the transaction, which it could hold up.
    """
    links.throttle(db.session(), secret, address(), now())
    try:
        links.find(db.session(), secret, now())
        with uploads.looked_into(sent_files()), transaction() as session:
            data = load(wanted.PaperTextSchema(), form_data())
            links.use(session, secret, data, sent("file"), now())
    except (Invalid, Refused, NotFound, Forbidden) as error:
        with transaction() as session:
            links.note_failure(session, secret, address(), now())
        at_field, elsewhere = matters.split(error.refusals, AT_FIELD) if isinstance(error, Refused) else ({}, [])
        errors = flat_errors(error.errors) if isinstance(error, Invalid) else {}
        return _page(secret, {**errors, **at_field}, elsewhere, 422)
    return render_template("onboarding/phone.html", link=None, done=True, title=_("Received"))
