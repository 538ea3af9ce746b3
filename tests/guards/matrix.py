"""The reviewed table of who may call what: `python -m tests.guards.matrix` prints the present one for review.

python -m tests.guards.matrix > tests/guards/access.csv
"""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from pathlib import Path

from flask import Flask

from tierflow.kernel.roles import PERMISSIONS, Role
from tierflow.web.access import Access

REVIEWED = Path(__file__).parent / "access.csv"
COLUMNS = ("address", "method", "endpoint", "action", "kind", "roles")
Row = tuple[str, str, str, str, str, str]


def rows(app: Flask) -> list[Row]:
    """One row per address and method of the running app, in a stable order."""
    found = []
    for rule in app.url_map.iter_rules():
        access: Access = app.extensions["access"][rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            address = str(rule).replace("int(max=9007199254740991):", "")
            found.append((address, method, rule.endpoint, access.action or "", kind(access, method), who(access)))
    return sorted(found)


def kind(access: Access, method: str) -> str:
    """What the view does to the database."""
    if access.writes:
        return "writes"
    if access.action is None and method not in ("GET", "HEAD"):
        return "public form"
    return "preview" if access.preview else "reads"


def who(access: Access) -> str:
    """The roles that may, as the permission table says."""
    if access.action is None:
        return "anybody"
    roles = PERMISSIONS[access.action].roles
    return "signed in" if roles is None else " ".join(role.value for role in Role if role in roles)


def as_csv(table: list[Row]) -> str:
    """The table as it is committed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(table)
    return out.getvalue()


def main() -> None:
    from tierflow import create_app
    from tierflow.common.db import make_engine
    from tierflow.common.schema import upgrade

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/routes.db"
        engine = make_engine(url)
        upgrade(engine)
        engine.dispose()
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "routes"})
        sys.stdout.write(as_csv(rows(app)))


if __name__ == "__main__":
    main()
