"""Templates in two languages: each is compiled once for every language, with its sentences already in their place.

`{{ _("Inbox") }}` becomes plain text of the compiled page, so that a page with a hundred sentences costs no look-ups
when it is shown. Sentences with values keep their call; what is decided while rendering goes through `show`.
"""

from __future__ import annotations

from typing import Any, cast

from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer

from tierflow.web.i18n import language, translator


class LanguageEnvironment(Environment):
    """Flask's environment. The one the app holds hands every template to that of the reader's language."""

    tongue: str | None = None

    def in_language(self, lang: str) -> LanguageEnvironment:
        """The environment whose templates are compiled in a language; filters and globals are shared."""
        made: dict[str, LanguageEnvironment] = self.__dict__.setdefault("_by_language", {})
        if lang not in made:
            one = self.overlay()
            one.tongue = lang
            made[lang] = one
        return made[lang]

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Template:  # noqa: A002 - Jinja's name
        """A template in the reader's language; what it includes or extends follows it."""
        if self.tongue is None:
            return self.in_language(language()).get_template(name, parent, globals)
        return super().get_template(name, parent, globals)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        return parsed if self.tongue is None else cast(nodes.Template, _InPlace(self.tongue).visit(parsed))


class _InPlace(NodeTransformer):
    """Replaces `_("…")` by the sentence, and `_("…", name=value)` by the sentence with its values put in."""

    def __init__(self, tongue: str) -> None:
        self.translate = translator(tongue)

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802 - the visitor's naming
        """Only calls with a literal sentence; any other is left to run."""
        self.generic_visit(node)
        if not (isinstance(node.node, nodes.Name) and node.node.name == "_" and self._is_literal(node)):
            return node
        sentence = self.translate(node.args[0].value)  # type: ignore[attr-defined]
        if not node.kwargs:
            return nodes.TemplateData(sentence % {}, lineno=node.lineno)
        pairs = [nodes.Pair(nodes.Const(each.key), each.value) for each in node.kwargs]
        return nodes.Mod(nodes.TemplateData(sentence), nodes.Dict(pairs), lineno=node.lineno)

    @staticmethod
    def _is_literal(node: nodes.Call) -> bool:
        only = len(node.args) == 1 and isinstance(node.args[0], nodes.Const) and isinstance(node.args[0].value, str)
        return only and node.dyn_args is None and node.dyn_kwargs is None
