"""Two complete languages: no sentence without Chinese, no words outside of the catalogue, no leftover on any page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from tests.guards.world import World, calls
from tests.untranslated import ROOT, missing, sentences
from tierflow.web.i18n import catalogue_files, chinese

HAN = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z]{2,}")
PACKAGES = sorted(path for path in (ROOT / "tierflow").iterdir() if path.is_dir() and any(path.rglob("*.py")))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_sentence_has_its_chinese(package: Path) -> None:
    assert missing(package) == {}


def test_no_translation_is_of_a_sentence_that_nobody_says() -> None:
    said = set(sentences(ROOT / "tierflow"))
    unsaid = {}
    for path in sorted((ROOT / "tierflow").rglob("zh.po")):
        with path.open("rb") as lines:
            ids = {one.id if isinstance(one.id, str) else one.id[0] for one in read_po(lines)}
        unsaid[str(path.relative_to(ROOT))] = ids - said - {""}
    assert {path: ids for path, ids in unsaid.items() if ids} == {}


def test_no_sentence_has_two_meanings() -> None:
    """The catalogues are read as one: of two Chinese for one English the last one read would win."""
    told: dict[str, set[str]] = {}
    for path in catalogue_files():
        with path.open("rb") as lines:
            for one in read_po(lines):
                if one.id:
                    told.setdefault(one.id if isinstance(one.id, str) else one.id[0], set()).add(str(one.string))
    assert {sentence: meanings for sentence, meanings in told.items() if len(meanings) > 1} == {}


def test_the_translations_keep_the_places_of_the_sentences() -> None:
    catalogue = chinese()._catalog
    place = re.compile(r"%\((\w+)\)[sd]")
    wrong = {}
    for msgid in sentences(ROOT / "tierflow"):
        told = catalogue.get(msgid) or catalogue.get((msgid, 0)) or ""
        # The singular of a counted sentence says "one"; Chinese has one form, with the number.
        if set(place.findall(told)) - {"num"} != set(place.findall(msgid)) - {"num"}:
            wrong[msgid] = told
    assert wrong == {}


def test_the_translations_are_chinese() -> None:
    catalogue = chinese()._catalog
    found = {
        msgid: catalogue[msgid]
        for msgid in sentences(ROOT / "tierflow")
        if WORD.search(re.sub(r"%\(\w+\)[sd]", "", catalogue.get(msgid) or "")) and not HAN.search(catalogue[msgid])
    }
    assert {msgid: told for msgid, told in found.items() if msgid not in SAME_IN_BOTH} == {}


# Names that are written the same in both languages.
SAME_IN_BOTH = frozenset({"tierflow", "API", "CSV", "Excel", "SMTP", "English", "OpenAPI"})


# Words in templates -------------------------------------------------------------------------------

# The gallery shows sample data, in the documents' own words.
TEMPLATES = sorted(path for path in (ROOT / "tierflow").rglob("templates/**/*.html") if "gallery" not in str(path))
# The product's name, a language's own name, keys, units.
NAMES = ("tierflow", "中文", "English", "EN", "Excel", "CSV", "API", "PDF", "MB", "kB", "Esc", "Enter", "Ctrl")
SPOKEN = ("title", "aria-label", "placeholder", "alt", "label", "aria-description")


class _Literal(HTMLParser):
    """Words a reader sees in the literal parts of a template."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style", "code", "kbd")
        self.words += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style", "code", "kbd")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def literal_words(source: str) -> Iterator[str]:
    """What a template says outside of `_()`: its text with every expression and statement taken out."""
    parsed = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True).parse(source)
    for block in parsed.find_all(nodes.Block):
        if "class" in block.name:  # a name for the style sheet
            block.body = []
    reader = _Literal()
    reader.feed(" ".join(part.data for part in parsed.find_all(nodes.TemplateData)))
    for words in reader.words:
        # A macro may give attributes back; a sample of a file has lines; names and clauses are names.
        shown = re.sub(r"[a-z-]+=\"[^\"]*\"", " ", words)
        shown = re.sub(rf"\b(?:{'|'.join(NAMES)}|[A-Z]{{3,4}}-[0-9.]+)\b", " ", shown)
        if "\n2027-" not in shown and (WORD.search(shown) or HAN.search(shown)):
            yield words.strip()


def test_the_reading_of_templates_finds_words() -> None:
    assert list(literal_words("<p>{{ x }}Hello {{ _('fine') }}</p>")) == ["Hello"]
    assert list(literal_words('<p title="Hello">{{ _("fine") }}</p><code>GET</code>')) == ["Hello"]
    assert list(literal_words("<p>{{ x }}: {{ _('fine') }} – 12 %</p>")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_speaks_outside_of_the_catalogue(path: Path) -> None:
    assert list(literal_words(path.read_text(encoding="utf-8"))) == []


# Rendered pages -----------------------------------------------------------------------------------


class _Text(HTMLParser):
    """The text a reader sees on a page, and what is read out."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.quiet = 0
        self.depth: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "style", "code", "kbd", "time", "template"):
            self.quiet += 1
        self.parts += [value for name, value in attrs if name in SPOKEN and value and not given.get("data-copy")]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "code", "kbd", "time", "template"):
            self.quiet -= 1

    def handle_data(self, data: str) -> None:
        if not self.quiet and data.strip():
            self.parts.append(data.strip())


def pages(world: World, lang: str) -> Iterator[tuple[str, list[str]]]:
    """Every page of the product as this language's reader sees it: its address and its texts."""
    client = world.client("everything")
    answer = client.post("/language", data={"lang": lang})
    assert answer.status_code == 302
    for rule, method, _access in calls(world.app):
        if method == "GET" and not str(rule).startswith("/api/"):
            answer = client.get(world.address(rule))
            if answer.mimetype == "text/html" and answer.status_code == 200:
                reader = _Text()
                reader.feed(answer.get_data(as_text=True))
                yield str(rule), reader.parts
            answer.close()


def test_chinese_pages_hold_no_english_sentence(everywhere: World) -> None:
    english = {
        msgid
        for msgid in sentences(ROOT / "tierflow")
        if len(msgid) > 3 and not HAN.search(msgid) and "%" not in msgid and msgid not in SAME_IN_BOTH
    }
    patterns = [
        re.compile("^" + re.sub(r"%\\\(\w+\\\)[sd]", ".+", re.escape(msgid)) + "$")
        for msgid in sentences(ROOT / "tierflow")
        if "%(" in msgid and len(re.sub(r"%\(\w+\)[sd]", "", msgid)) > 8
    ]
    found, seen = {}, 0
    for address, texts in pages(everywhere, "zh"):
        seen += 1
        left = [text for text in texts if text in english or any(pattern.match(text) for pattern in patterns)]
        # Whole sentences nobody marked for translation show as a run of English words.
        left += [text for text in texts if re.search(r"[A-Za-z]+(?: [a-z]+){2,}", text)]
        if left:
            found[address] = left[:5]
    assert found == {}
    assert seen > 30


def test_english_pages_hold_no_chinese_but_data(everywhere: World) -> None:
    """Data are names and words people typed; everything in the catalogue is ours."""
    ours = {str(told) for told in chinese()._catalog.values() if HAN.search(str(told))}
    found = {}
    for address, texts in pages(everywhere, "en"):
        left = [text for text in texts if text in ours and text not in DATA]
        if left:
            found[address] = left[:5]
    assert found == {}


# Words of the catalogue that are also somebody's data in this world.
DATA = frozenset({"聚烯烃", "华东", "驻厂办"})
