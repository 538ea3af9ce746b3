"""The general manager's morning digest, on screen and on paper."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template, url_for
from sqlalchemy.orm import Session

from tierflow.complaints.pages.blueprint import bp
from tierflow.complaints.service.digest import digest as morning
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.inbox import kinds


@bp.get("/complaints/digest")
@reads("complaint.digest")
def digest(*, session: Session, actor: Actor, now: datetime) -> str:
    """What breaches today, what waits, who became suspended, which meetings are due."""
    found = morning(session, actor, now)
    return render_template("complaints/digest.html", digest=found, url_of=_url, now=now)


def _url(subject: tuple[str, int]) -> str | None:
    if subject[0] == "customer":
        return url_for("onboarding.customer", customer_id=subject[1])
    kind = kinds().get(subject[0])
    if kind is None:
        return None
    values: dict[str, Any] = {kind.argument: subject[1]}
    return url_for(kind.endpoint, **values)
