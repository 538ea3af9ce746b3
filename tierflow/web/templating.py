"""Templates in two languages: each is compiled once for every language, with its sentences already in their place.

`{{ _("Inbox") }}` becomes plain text of the compiled page, so that a page with a hundred sentences costs no look-ups
when it is shown. What is decided while rendering goes through `show`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer

from tierflow.web.i18n import catalogue, language

# Macros whose markup follows from what they are given and from nothing else, and is much the same from row to row.
ALIKE = {
    "macros/parts.html": ("avatar", "person"),
    "macros/status.html": ("badge", "deadline", "level", "validity_bar"),
}
_OF_DICT = frozenset(dir(dict))


class QuickTemplate(Template):
    """A template whose macros are made once, and those that are alike drawn once."""

    def _get_default_module(self, ctx: Any = None) -> Any:
        """What `{% import %}` gives. Jinja would look for globals of a template's own, which ours do not have."""
        if self._module is None:
            self._module = self.make_module()
            for name in ALIKE.get(self.name or "", ()):
                # By type too: what is markup already equals the same words that are still to be escaped.
                setattr(self._module, name, lru_cache(maxsize=4096, typed=True)(getattr(self._module, name)))
        return self._module


class LanguageEnvironment(Environment):
    """Flask's environment. The one the app holds hands every template to that of the reader's language."""

    template_class = QuickTemplate
    tongue: str | None = None

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja's; but a row that is a dict is not first asked for an attribute it cannot have."""
        if type(obj) is dict and attribute not in _OF_DICT:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

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
    """Replaces `_("…")` by the sentence, `_("…", name=value)` and `ngettext` by the sentence with its values put in."""

    def __init__(self, tongue: str) -> None:
        self.catalogue = catalogue(tongue)
        self.has_plural = tongue == "en"

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:  # noqa: N802 - the visitor's naming
        """Only calls with literal sentences; any other is left to run."""
        self.generic_visit(node)
        name = node.node.name if isinstance(node.node, nodes.Name) else None
        literal = [each.value for each in node.args if isinstance(each, nodes.Const) and isinstance(each.value, str)]
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return node
        if name == "_" and len(node.args) == len(literal) == 1:
            sentence = self.catalogue.ugettext(literal[0])
            return self._filled(sentence, node.kwargs) if node.kwargs else nodes.TemplateData(sentence % {})
        if name == "ngettext" and len(node.args) == 3 and len(literal) == 2:
            values = [*node.kwargs, nodes.Keyword("num", node.args[2])]
            many = self._filled(self.catalogue.ungettext(literal[0], literal[1], 2), values)
            if not self.has_plural:
                return many
            is_one = nodes.Compare(node.args[2], [nodes.Operand("eq", nodes.Const(1))])
            return nodes.CondExpr(is_one, self._filled(literal[0], values), many)
        return node

    @staticmethod
    def _filled(sentence: str, values: list[nodes.Keyword]) -> nodes.Expr:
        pairs = [nodes.Pair(nodes.Const(each.key), each.value) for each in values]
        return nodes.Mod(nodes.TemplateData(sentence), nodes.Dict(pairs))
