"""Gate codes: short, said over the telephone without doubt, and wrong by a character means known to be wrong."""

from __future__ import annotations

import unicodedata

# No 0 O, 1 I L: thirty-one characters, a prime, so that the check finds every wrong character and every swap.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 10


def with_check(body: str) -> str:
    """The body and its check character. Raises `ValueError` for a character that no code has."""
    return body + ALPHABET[_sum(body) % len(ALPHABET)]


def plain(written: str) -> str:
    """A code as somebody typed or scanned it: large letters, no blanks or hyphens, the end of a scanned address."""
    folded = unicodedata.normalize("NFKC", written).strip().rstrip("/").rpartition("/")[2].upper()
    return "".join(character for character in folded if character not in " -")


def is_code(code: str) -> bool:
    """Whether it can be one of ours."""
    if len(code) != LENGTH + 1 or any(character not in ALPHABET for character in code):
        return False
    return with_check(code[:-1]) == code


def grouped(code: str) -> str:
    """`K7QM3-XW9P2A` for the eye."""
    return f"{code[:5]}-{code[5:]}"


def _sum(body: str) -> int:
    return sum(weight * ALPHABET.index(character) for weight, character in enumerate(body, 2))
