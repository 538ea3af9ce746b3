"""Sentences for people, kept untranslated until somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """An English sentence with `%(name)s` places; translated only where it is shown.

    A parameter may itself be a `Text` (a paper's name, a role) and is then translated too.
    """

    msgid: str
    params: Mapping[str, str | int | Text] = field(default_factory=dict)

    def render(self, translate: Callable[[str], str] = str) -> str:
        """The sentence in the reader's language; `translate` maps an English sentence to it."""
        values = {
            name: value.render(translate) if isinstance(value, Text) else value for name, value in self.params.items()
        }
        sentence = translate(self.msgid)
        return sentence % values if values else sentence

    def __hash__(self) -> int:
        return hash(self.msgid)  # parameters may be of any mapping; equal sentences still hash alike

    def __str__(self) -> str:
        return self.render()


def text(msgid: str, **params: str | int | Text) -> Text:
    """Shorthand for `Text`; message extraction looks for calls of this name."""
    return Text(msgid, params)


def mark(msgid: str) -> str:
    """Mark a sentence for translation where it is defined; whoever shows it translates it."""
    return msgid
