"""What templates are spared must not show: macros drawn once still escape, and dicts are read as Jinja reads them."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from markupsafe import Markup

IMPORTS = '{% import "macros/parts.html" as parts %}{% import "macros/status.html" as status %}'


def drawn(app: Flask, source: str, **values: Any) -> str:
    with app.test_request_context("/"):
        return app.jinja_env.in_language("en").from_string(IMPORTS + source).render(values)  # type: ignore[attr-defined]


def test_a_name_that_is_markup_already_never_stands_for_one_that_is_not(own_app: Flask) -> None:
    page = "{{ parts.person(one) }}|{{ parts.person(two) }}|{{ status.badge('ok', one) }}|{{ status.badge('ok', two) }}"
    words = "<b>x</b>"
    for first, second in ((Markup(words), words), (words, Markup(words))):
        parts = drawn(own_app, page, one=first, two=second).split("|")
        for value, person, badge in ((first, *parts[::2]), (second, *parts[1::2])):
            shown = words if isinstance(value, Markup) else "&lt;b&gt;"
            assert shown in person
            assert shown in badge


def test_macros_drawn_once_are_drawn_for_each_language(own_app: Flask) -> None:
    with own_app.test_request_context("/"):
        words = {
            lang: own_app.jinja_env.in_language(lang).from_string(
                IMPORTS + "{{ status.validity_bar('2026-12-01', 8) }}"
            )
            for lang in ("zh", "en")
        }
        shown = {lang: template.render() for lang, template in words.items()}
    assert "8 days left" in shown["en"]
    assert "8 days left" not in shown["zh"]
    assert drawn(own_app, "{{ status.validity_bar('2026-12-01', 9) }}") != shown["en"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ row.name }}", "Li"),
        ("{{ row.missing }}", ""),
        ("{{ row.missing is defined }}", "False"),
        ("{{ row.items()|list|length }}", "2"),
        ("{{ row.get('name') }}", "Li"),
        ("{{ row['items'] }}", "own"),
        ("{{ row.missing.further is defined }}", None),
    ],
)
def test_a_dict_is_read_as_ever(own_app: Flask, source: str, shown: str | None) -> None:
    row = {"name": "Li", "items": "own"}
    if shown is None:
        with pytest.raises(Exception, match="missing"):
            drawn(own_app, source, row=row)
    else:
        assert drawn(own_app, source, row=row) == shown
