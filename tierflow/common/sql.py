"""What both engines can do and name differently: for statements that write many rows without fetching them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, Integer, String, bindparam, cast, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class json_object(FunctionElement[Any]):  # noqa: N801 - named as the function it is
    """A JSON object of alternating names and values; values may be SQL."""

    type = JSON()
    inherit_cache = True

    def __init__(self, **values: Any) -> None:
        """Values are columns, plain words, or other objects."""
        super().__init__(*(part for name, value in values.items() for part in (literal(name), value)))


class shanghai_minute(FunctionElement[str]):  # noqa: N801
    """An instant as Shanghai's clocks show it: 2026-11-22 17:30."""

    type = String()
    inherit_cache = True


class week_month(FunctionElement[date]):  # noqa: N801
    """First day of the month a day's week belongs to: that of its Thursday, as `kernel.months.Week` has it."""

    type = Date()
    inherit_cache = True


class week_number(FunctionElement[int]):  # noqa: N801
    """Which of its month's weeks a day lies in, 1 to 5, as `kernel.months.Week` numbers them."""

    type = Integer()
    inherit_cache = True


class _elements(FunctionElement[Any]):  # noqa: N801
    """The elements of a JSON array as rows."""

    inherit_cache = True


@compiles(json_object, "sqlite")
def _json_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **options)})"


@compiles(json_object, "postgresql")
def _json_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_build_object({compiler.process(element.clauses, **options)})"


@compiles(shanghai_minute, "sqlite")
def _minute_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"strftime('%Y-%m-%d %H:%M', {compiler.process(element.clauses, **options)}, '+8 hours')"


@compiles(shanghai_minute, "postgresql")
def _minute_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"to_char({at} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')"


@compiles(week_month, "sqlite")
def _week_month_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, 'weekday 0', '-3 days', 'start of month')"


@compiles(week_month, "postgresql")
def _week_month_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    monday = f"date_trunc('week', {compiler.process(element.clauses, **options)})"
    return f"CAST(date_trunc('month', {monday} + interval '3 days') AS date)"


@compiles(week_number, "sqlite")
def _week_number_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    day = compiler.process(element.clauses, **options)
    return f"((CAST(strftime('%d', {day}, 'weekday 0', '-3 days') AS INTEGER) + 6) / 7)"


@compiles(week_number, "postgresql")
def _week_number_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    monday = f"date_trunc('week', {compiler.process(element.clauses, **options)})"
    return f"((CAST(extract(day FROM {monday} + interval '3 days') AS integer) + 6) / 7)"


@compiles(_elements, "sqlite")
def _elements_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_elements, "postgresql")
def _elements_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS json))"


def numbers_table(parameter: str, *names: str) -> Any:
    """Rows of whole numbers as a table to join: one parameter (`as_json` of the rows), whatever their number."""
    each = _elements(bindparam(parameter, type_=String())).table_valued("value", name="each")
    columns = [cast(each.c.value.op("->>")(at), BigInteger).label(name) for at, name in enumerate(names)]
    return select(*columns).cte("numbers").prefix_with("MATERIALIZED")


def as_json(rows: Sequence[Sequence[int]]) -> str:
    """The value of a `numbers_table` parameter."""
    return json.dumps(rows, separators=(",", ":"))
