"""Two languages. English sentences are the keys; the Chinese ones are read from .po files at start, no build step.

Every package with screens has `translations/zh.po`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, Domain
from flask_babel import gettext as _gettext

from tierflow.kernel.text import Text

LANGUAGES = ("zh", "en")
BABEL_LOCALE = {"zh": "zh_Hans_CN", "en": "en"}


def catalogue_files() -> list[Path]:
    """Every zh.po of the product, the scheduler's beside it included."""
    package = Path(__file__).resolve().parent.parent
    return sorted([*package.glob("**/translations/zh.po"), *package.parent.glob("jobs/translations/zh.po")])


class PoDomain(Domain):  # type: ignore[misc]
    """flask-babel's domain, fed from .po files."""

    def get_translations(self) -> NullTranslations:
        """The catalogue of the reader's language."""
        return _catalogue()


@lru_cache(maxsize=1)
def chinese() -> Translations:
    """All Chinese sentences, merged over the packages."""
    merged = Translations()
    for path in catalogue_files():
        buffer = BytesIO()
        with path.open("rb") as file:
            write_mo(buffer, read_po(file, locale="zh_Hans_CN"))
        buffer.seek(0)
        part = Translations(buffer)
        if merged._catalog:
            merged._catalog.update(part._catalog)
        else:
            merged = part
    return merged


def translator(lang: str) -> Callable[[str], str]:
    """Sentence to sentence, for mail and print-outs made outside a request."""
    return chinese().ugettext if lang == "zh" else str


def catalogue(lang: str) -> NullTranslations:
    """The sentences of a language; English ones are their own."""
    return chinese() if lang == "zh" else _ENGLISH


_ENGLISH = NullTranslations()


def _catalogue() -> NullTranslations:
    return catalogue(language())


def language() -> str:
    """zh or en: the account's choice, the browser's cookie, then Chinese."""
    if not has_request_context():
        return "zh"
    found: str | None = g.get("language")  # asked a hundred times a page
    if found is None:
        signed_in = None if "error" in g else g.get("signed_in")
        chosen = signed_in.user.locale if signed_in is not None else request.cookies.get("lang")
        if request.path.startswith("/api/"):
            chosen = request.headers.get("X-Language") or request.accept_languages.best_match(LANGUAGES) or chosen
        g.language = found = chosen if chosen in LANGUAGES else "zh"
    return found


def show(message: Text | str) -> str:
    """A sentence in the reader's language."""
    if isinstance(message, Text):
        return message.render(_gettext)
    return _catalogue().ugettext(message) if message else ""


def init(app: Flask) -> None:
    """Attach flask-babel with our catalogue."""
    babel = Babel(
        app,
        locale_selector=lambda: BABEL_LOCALE[language()],
        timezone_selector=lambda: "Asia/Shanghai",
    )
    babel.domain_instance = PoDomain()
    # Templates translate a hundred times a page: straight from the catalogue, not through the locale each time.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda message: _catalogue().ugettext(message),
        ngettext=lambda one, many, number: _catalogue().ungettext(one, many, number),
        newstyle=True,
    )
    app.jinja_env.globals["show"] = show
    # A sentence printed by a template is translated, whoever forgot to ask for it.
    app.jinja_env.finalize = lambda value: show(value) if isinstance(value, Text) else value
    app.jinja_env.filters["show"] = show
