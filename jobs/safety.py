"""The daily copy of the database and the anchor of its audit chain, both outside the database."""

from __future__ import annotations

from jobs.duty import Errand, Result
from tierflow.common.anchors import anchor
from tierflow.common.backup import backup, keep_newest
from tierflow.common.db import db

PREFIX = "tierflow-"


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
