"""The bare engine: Flask and SQLAlchemy, one ORM query, a page as large as ours; one committed insert."""

from __future__ import annotations

from flask import Flask, render_template, request
from jinja2 import DictLoader
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, insert, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.db import write_access

PAGE = """<!doctype html><title>floor</title><table>
{% for row in rows %}<tr>{% for cell in cells %}<td>{{ row.name }}</td>{% endfor %}</tr>
{% endfor %}</table>"""
CELL_BYTES, ROWS = 40, 30

metadata = MetaData()
scratch = Table("bench_scratch", metadata, Column("id", Integer, primary_key=True), Column("words", String))


def build(engine: Engine) -> Flask:
    """An application with one page and one write; `?bytes=` sets about how much the page weighs."""
    app = Flask("floor")
    app.jinja_loader = DictLoader({"page.html": PAGE})  # type: ignore[assignment]
    with write_access(), engine.begin() as connection:
        scratch.create(connection, checkfirst=True)

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

    return app
