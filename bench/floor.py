"""The bare engine: Flask and SQLAlchemy, one query, a page as large as ours; one committed insert."""

from __future__ import annotations

from flask import Flask, render_template_string, request
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, insert, select

from tierflow.common.db import write_access

PAGE = """<!doctype html><title>floor</title><table>
{% for row in rows %}<tr><td>{{ row.number }}</td><td>{{ row.name }}</td><td>{{ row.region_id }}</td></tr>
{% endfor %}</table><p>{{ filler }}</p>"""

metadata = MetaData()
customer = Table(
    "customer", metadata, Column("id", Integer), Column("number", String), Column("name", String), Column("region_id")
)
scratch = Table("bench_scratch", metadata, Column("id", Integer, primary_key=True), Column("words", String))


def build(engine: Engine) -> Flask:
    """An application with one page and one write; `?bytes=` sets the page's size."""
    app = Flask("floor")
    with write_access(), engine.begin() as connection:
        scratch.create(connection, checkfirst=True)

    @app.get("/page")
    def page() -> str:
        with engine.connect() as connection:
            query = select(customer).where(customer.c.id > request.args.get("after", 0, int)).order_by(customer.c.id)
            rows = connection.execute(query.limit(30)).all()
        return render_template_string(PAGE, rows=rows, filler="x" * max(0, request.args.get("bytes", 0, int) - 2500))

    @app.post("/insert")
    def write() -> str:
        with write_access(), engine.begin() as connection:
            connection.execute(insert(scratch).values(words="a decision"))
        return "ok"

    return app
