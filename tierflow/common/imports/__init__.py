"""Imports: a table of rows taken in, checked row by row, applied all or nothing, and taken back while untouched.

`reading` opens CSV and xlsx safely · `importer` is what a domain gives · `service` is what people ask for · `work` is
what the scheduler does about it.
"""

from tierflow.common.imports.importer import (
    Cells,
    Column,
    Columns,
    Finding,
    Importer,
    Row,
    by_row,
    importer_of,
    register,
)
from tierflow.common.imports.tables import ImportBatch, ImportChunk, ImportMapping, ImportRow, ImportRowError

__all__ = [
    "Cells",
    "Column",
    "Columns",
    "Finding",
    "ImportBatch",
    "ImportChunk",
    "ImportMapping",
    "ImportRow",
    "ImportRowError",
    "Importer",
    "Row",
    "by_row",
    "importer_of",
    "register",
]
