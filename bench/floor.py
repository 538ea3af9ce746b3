"""The bare engine: Flask and SQLAlchemy, one ORM query, a page as large as ours; one committed insert.

Beside that insert, a write of somebody signed in, as bare as it can be: session, role, token, a change, a log.
"""

from __future__ import annotations

import hmac

from flask import Flask, abort, render_template, request
from flask.testing import FlaskClient
from jinja2 import DictLoader
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.db import write_access
from tierflow.common.sessions import UserSession, hash_secret
from tierflow.common.users import RoleGrant, User
from tierflow.web.context import COOKIE

PAGE = """<!doctype html><title>floor</title><table>
{% for row in rows %}<tr>{% for cell in cells %}<td>{{ row.name }}</td>{% endfor %}</tr>
{% endfor %}</table>"""
CELL_BYTES, ROWS = 40, 30

metadata = MetaData()
scratch = Table("bench_scratch", metadata, Column("id", Integer, primary_key=True), Column("words", String))
log = Table(
    "bench_log", metadata, Column("id", Integer, primary_key=True), Column("who", Integer), Column("words", String)
)


def build(engine: Engine) -> Flask:
    """An application with one page and one write; `?bytes=` sets about how much the page weighs."""
    app = Flask("floor")
    app.jinja_loader = DictLoader({"page.html": PAGE})  # type: ignore[assignment]
    with write_access(), engine.begin() as connection:
        metadata.create_all(connection)

    @app.get("/page")
    def page() -> str:
        cells = range(max(1, request.args.get("bytes", 0, int) // (CELL_BYTES * ROWS)))
        with Session(engine) as session:
            query = select(Customer).where(Customer.id > request.args.get("after", 0, int)).order_by(Customer.id)
            return render_template("page.html", rows=session.scalars(query.limit(ROWS)).all(), cells=cells)

    @app.post("/insert")
    def write() -> str:
        with write_access(), engine.begin() as connection:
            connection.execute(insert(scratch).values(words="a decision"))
        return "ok"

    @app.post("/signed-change")
    def change() -> str:
        with write_access(), engine.begin() as connection:
            who = connection.execute(WHO, {"token": hash_secret(request.cookies.get(COOKIE, ""))}).first()
            if who is None or who.role != "sales_manager":
                abort(403)
            if not hmac.compare_digest(request.headers["X-CSRFToken"], request.cookies["token"]):
                abort(400)
            said = request.get_json()
            connection.execute(update(scratch).where(scratch.c.id == 1).values(words=said["words"]))
            connection.execute(insert(log).values(who=who.id, words="change"))
        return "ok"

    return app


WHO = (
    select(User.id, User.name, RoleGrant.role)
    .join(UserSession, UserSession.user_id == User.id)
    .join(RoleGrant, RoleGrant.user_id == User.id)
    .where(UserSession.token_hash == bindparam("token"))
)


def signed(bare: Flask, client: FlaskClient) -> FlaskClient:
    """A client of the bare application with the session of a client of ours."""
    mine, ours = bare.test_client(), client.get_cookie(COOKIE)
    if ours is None:
        raise ValueError("nobody is signed in")
    mine.set_cookie(COOKIE, ours.value)
    mine.set_cookie("token", "t")
    return mine
