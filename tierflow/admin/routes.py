"""Parts of addresses, for pages and API alike."""

from __future__ import annotations

# An id as large as SQLite and JavaScript take it.
ID = "int(max=9007199254740991)"
