"""Codes for companies that do not exist, with the check characters a real one would have."""

from __future__ import annotations

# GB 32100-2015: 31 characters, I O S V Z left out; GB 11714-1997 for the organisation code inside.
_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def organisation_code(prefix: str, serial: int) -> str:
    """Nine characters, the last a check character. `serial` tells companies apart."""
    body = f"{prefix}{serial:06d}"
    total = sum(int(c, 36) * weight for c, weight in zip(body, _WEIGHTS, strict=True))
    return body + "0123456789X"[(11 - total % 11) % 11]


def credit_code(division: str, organisation: str) -> str:
    """A unified social credit code: 91 (a company), registering district, organisation code, check character."""
    body = f"91{division}{organisation}"
    total = sum(_CHARACTERS.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + _CHARACTERS[-total % 31]


def bank_account(serial: int) -> str:
    """Nineteen digits that pass the Luhn check."""
    body = f"6222{serial * 7_919_113 % 10**14:014d}"
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    return body + str(-sum(n - 9 if n > 9 else n for n in doubled) % 10)


def mobile(serial: int) -> str:
    """A mobile number of a range in use."""
    return f"13{5 + serial % 5}{serial * 104_729 % 10**8:08d}"
