"""A month's indicators out of a file, csv or xlsx: rows as they would be typed, taken whole or not at all."""

from __future__ import annotations

from tierflow.common.imports import reading
from tierflow.grading.rules import month_rows
from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import text


def rows_of(content: bytes, most: int) -> list[dict[str, str]]:
    """The rows of a file that say anything. Raises `Invalid` for what is no such file, or has too many rows."""
    found: list[dict[str, str]] = []
    with reading.opened(content, reading.kind_of(content)) as table:
        columns = month_rows.columns_of(table.heads)
        if month_rows.NEEDED not in columns or len(columns) < 2:
            words = text("The first row names the columns: customer number, plan in tonnes, cooperation.")
            raise Invalid({"file": [words]})
        for batch in table.rows():
            found += [row for _number, cells in batch if (row := month_rows.row_of(cells, columns))]
            if len(found) > most:
                raise Invalid({"file": [text("At most %(most)s rows at once.", most=most)]})
    return found
