"""Codes for companies that do not exist, with the check characters a real one would have."""

from __future__ import annotations

from stdnum.cn import uscc

from tierflow.common.identifiers import organisation_check_character


def organisation_code(prefix: str, serial: int) -> str:
    """Nine characters, the last a check character. `serial` tells companies apart."""
    body = f"{prefix}{serial:06d}"
    return body + organisation_check_character(body)


def credit_code(division: str, organisation: str) -> str:
    """A unified social credit code: 91 (a company), registering district, organisation code, check character."""
    body = f"91{division}{organisation}"
    return body + str(uscc.calc_check_digit(body))


def bank_account(serial: int) -> str:
    """Nineteen digits that pass the Luhn check."""
    body = f"6222{serial * 7_919_113 % 10**14:014d}"
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    return body + str(-sum(n - 9 if n > 9 else n for n in doubled) % 10)


def mobile(serial: int) -> str:
    """A mobile number of a range in use."""
    return f"13{5 + serial % 5}{serial * 104_729 % 10**8:08d}"
