"""What both engines can do and name differently: for statements that write many rows without fetching them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, String, bindparam, cast, literal, select
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
