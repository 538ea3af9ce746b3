"""The daily copy of the database, the anchor of its audit chain, and the weekly proof that nothing stored is a lie."""

from __future__ import annotations

from itertools import islice

from jobs.duty import Errand, Result
from tierflow.common.anchors import anchor
from tierflow.common.backup import backup, keep_newest
from tierflow.common.db import db, transaction
from tierflow.common.notices import notify
from tierflow.common.users import holders
from tierflow.common.verify import lies
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text

PREFIX = "tierflow-"
MOST_LIES = 50  # enough to be alarmed; `tierflow verify` names them all


class ProofFailed(Exception):
    """Something stored is not what it was, or not what the rules make of it."""


def daily_backup(errand: Errand) -> Result:
    """A copy named by its day, made anew when the day's run is repeated; the oldest beyond the limit are deleted."""
    folder, suffix = errand.setup.backup_dir, ".db" if db.engine.dialect.name == "sqlite" else ".dump"
    target = folder / f"{PREFIX}{errand.period}{suffix}"
    size = backup(db.engine, target, replace=True)
    deleted = keep_newest(folder, f"{PREFIX}????-??-??{suffix}", errand.setup.backup_keep)
    return {"file": target.name, "bytes": size, "deleted": len(deleted)}


def daily_anchor(errand: Errand) -> Result:
    """Write the chain's head down outside the database."""
    session = db.session()
    line = anchor(session, errand.setup.anchor_file, errand.now)
    session.rollback()
    return {"seq": line["seq"], "hash": line["hash"][:12]}


def weekly_proof(errand: Errand) -> Result:
    """What `tierflow verify` does. Administrators hear of lies once; the run stays failed until there are none."""
    session = db.session()
    found = list(islice(lies(session, errand.now, errand.setup.anchor_file), MOST_LIES))
    session.rollback()
    if not found:
        return {"wrong": 0}
    today = local_day(errand.now)
    message = text(
        "The proof of %(period)s found contradictions in what is stored. Run “tierflow verify”.",
        period=str(errand.period),
    )
    with transaction(session):
        ids = [user.id for user in holders(session, Role.ADMINISTRATOR, today)]
        notify(session, ids, "proof.failed", message, ("job", 0), errand.now, dedupe_key=f"proof.{errand.period}")
    raise ProofFailed(f"{len(found)} found wrong; {found[0]}")
