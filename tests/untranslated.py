"""Sentences without a Chinese translation; `python -m tests.untranslated tierflow/admin` prints them as PO entries."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.extract import extract_from_dir

from tierflow.web.i18n import chinese

KEYWORDS: dict[str, object] = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "mark": None,
    "text": None,
    "sentence": None,
    "Text": None,
}
METHODS = [("**/tests/**", "ignore"), ("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
ROOT = Path(__file__).resolve().parent.parent


def sentences(folder: Path) -> dict[str, str]:
    """Every sentence marked for translation below a folder, with the place it stands."""
    found: dict[str, str] = {}
    rows = extract_from_dir(str(folder), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=())  # type: ignore[arg-type]
    for filename, line, message, _comments, _context in rows:
        msgid = message[0] if isinstance(message, tuple) else message
        if msgid:
            found.setdefault(msgid, f"{folder / filename}:{line}")
    return found


def missing(folder: Path) -> dict[str, str]:
    """Those of them that have no Chinese."""
    catalogue = chinese()._catalog
    return {
        msgid: place
        for msgid, place in sentences(folder).items()
        if not (catalogue.get(msgid) or catalogue.get((msgid, 0)))
    }


if __name__ == "__main__":
    for msgid, place in missing(ROOT / (sys.argv[1] if len(sys.argv) > 1 else "tierflow")).items():
        escaped = msgid.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        print(f'#: {Path(place).relative_to(ROOT)}\nmsgid "{escaped}"\nmsgstr ""\n')
