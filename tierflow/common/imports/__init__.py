"""Imports: a table of rows taken in, checked row by row, applied all or nothing, and taken back while untouched.

`reading` opens CSV and xlsx safely · `importer` is what a domain gives · `service` is what people ask for · `work` is
what the scheduler does about it.
"""

from tierflow.common.imports.importer import Cells, Column, Finding, Importer, Row, importer_of, register
from tierflow.common.imports.tables import ImportBatch, ImportMapping, ImportRow, ImportRowError

__all__ = [
    "Cells",
    "Column",
    "Finding",
    "ImportBatch",
    "ImportMapping",
    "ImportRow",
    "ImportRowError",
    "Importer",
    "Row",
    "importer_of",
    "register",
]
