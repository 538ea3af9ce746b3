"""Codes, telephones, bank accounts and mail addresses as people write them, read into one form each.

Full-width characters, blanks, hyphens and small letters are folded; what a spreadsheet has damaged is recognised and
said so. Every reader raises `BadIdentifier`, whose `reason` is the sentence for the field.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import email_validator
import phonenumbers
from stdnum.cn import uscc

from tierflow.kernel.text import Text, text

_BLANKS = re.compile(r"[\s\-‐‑‒–—−]+")
# 9.11E+17, or digits with a decimal point: a number a spreadsheet has rounded to 15 places.
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?E\+?[0-9]{1,3}")
_FLOAT_TAIL = re.compile(r"([0-9]{16,})\.0*")
_SHORT_FLOAT = re.compile(r"^([0-9]{1,15})\.0+$")
_ROUNDED = re.compile(r"[1-9][0-9]{12,14}0{2,}")
FLOAT_DIGITS = 15

CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LOOKALIKES = frozenset("IOSVZ")
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CODE = re.compile(r"[0-9A-Z]{8}[0-9X]")

LONGEST = 100


class BadIdentifier(ValueError):
    """What was written is not such a code or number; `reason` says why, for people."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(str(reason))


def login(written: str) -> str:
    """A user name as it is kept: 2 to 60 small letters, digits, dots, hyphens, underscores; capitals are folded."""
    folded = written.strip().casefold()
    plain = folded.replace(".", "").replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum()):
        raise BadIdentifier(text("A user name has small letters, digits, dots, hyphens or underscores only."))
    if not 2 <= len(folded) <= 60:
        raise BadIdentifier(text("A user name has 2 to 60 characters."))
    return folded


@dataclass(frozen=True)
class Phone:
    """A telephone as shown, and `key`: the same line written otherwise has the same key."""

    shown: str
    key: str


@dataclass(frozen=True)
class BankAccount:
    """An account number, digits only. `is_plausible` is False where it deserves a second look.

    That is a card number whose check digit fails, or zeros from the 16th digit on, as a spreadsheet leaves them; both
    may be right all the same, so neither is refused.
    """

    number: str
    is_plausible: bool


def _written(value: object) -> str:
    """What was given as text; a number keeps its digits, so that damage shows."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadIdentifier(text("Text is wanted here."))
    written = unicodedata.normalize("NFKC", value if isinstance(value, str) else _spelled(value))
    if len(written) > LONGEST:
        raise BadIdentifier(text("At most %(most)s characters.", most=LONGEST))
    return written


def _spelled(number: float) -> str:
    if isinstance(number, int):
        # More digits than any code has; printing them would be refused by Python itself.
        return str(number) if number.bit_length() < 4 * LONGEST else "9" * (LONGEST + 1)
    return repr(number).upper()


def _folded(value: object) -> str:
    """Text without blanks and hyphens; a short number's `.0`, which spreadsheets add, goes too."""
    return _SHORT_FLOAT.sub(r"\1", _BLANKS.sub("", _written(value)).upper())


def _is_damaged(value: object) -> bool:
    """Whether this is what a spreadsheet leaves of a long code: an exponent, or many digits with a decimal point."""
    written = re.sub(r"\s+", "", _written(value)).upper()
    return bool(_EXPONENT.fullmatch(written) or _FLOAT_TAIL.fullmatch(written)) or written in ("NAN", "INF", "-INF")


DAMAGED = text(
    "A spreadsheet has turned this code into a number and rounded it;"
    " format the column as text and enter the code again."
)


def organisation_check_character(body: str) -> str:
    """The ninth character of an organisation code (GB 11714) for its first eight."""
    total = sum(int(c, 36) * weight for c, weight in zip(body, _ORGANISATION_WEIGHTS, strict=True))
    return "0123456789X0"[11 - total % 11]


def credit_code(value: object) -> str:
    """统一社会信用代码: 18 characters, its own check character and that of the organisation code inside (GB 32100)."""
    if _is_damaged(value):
        raise BadIdentifier(DAMAGED)
    code = _folded(value)
    if set(code) & _LOOKALIKES and len(code) == 18:
        raise BadIdentifier(text("This code never has the letters I, O, S, V or Z; look for 1, 0, 5, U or 2."))
    if len(code) != 18:
        raise BadIdentifier(
            text("A unified social credit code has 18 characters, this has %(count)s.", count=len(code))
        )
    if any(c not in CODE_ALPHABET for c in code) or not code[:8].isdigit():
        raise BadIdentifier(text("A unified social credit code begins with 8 digits and has digits and capitals only."))
    if code[2:8] == "000000":
        raise BadIdentifier(text("The region within this code (characters 3 to 8) cannot be 000000."))
    if uscc.calc_check_digit(code[:17]) != code[17]:
        raise BadIdentifier(
            DAMAGED if _ROUNDED.fullmatch(code) else text("The last character of this code does not fit the others.")
        )
    if organisation_check_character(code[8:16]) != code[16]:
        raise BadIdentifier(text("The organisation code within this code (characters 9 to 17) does not fit."))
    return code


def organisation_code(value: object) -> str:
    """组织机构代码: 8 characters and a check character (GB 11714), without the hyphen."""
    if _is_damaged(value):
        raise BadIdentifier(DAMAGED)
    code = _folded(value)
    if len(code) != 9:
        raise BadIdentifier(text("An organisation code has 9 characters, this has %(count)s.", count=len(code)))
    if not _ORGANISATION_CODE.fullmatch(code):
        raise BadIdentifier(text("An organisation code has digits and capitals only."))
    if organisation_check_character(code[:8]) != code[8]:
        raise BadIdentifier(text("The last character of this code does not fit the others."))
    return code


def organisation_code_within(code: str) -> str:
    """The organisation code a unified social credit code carries."""
    return code[8:17]


def phone(value: object) -> Phone:
    """A Chinese mobile, fixed line or 400 number; a foreign one with its + and country."""
    if _is_damaged(value):
        raise BadIdentifier(DAMAGED)
    written = _SHORT_FLOAT.sub(r"\1", _written(value).strip()).replace("转", " ext. ")
    try:
        number = phonenumbers.parse(written, "CN")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise BadIdentifier(text("This is not a telephone number; write 138 0013 8000, 021-6123 4567 or 400-820-5555."))
    national = number.country_code == 86
    kind = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    prefix = "" if national else f"+{number.country_code}"
    # Extensions are left out of the key: they belong to one company's line.
    return Phone(phonenumbers.format_number(number, kind), prefix + phonenumbers.national_significant_number(number))


def bank_account(value: object) -> BankAccount:
    """A bank account, 8 to 32 digits. Company accounts follow no one check rule, so the check digit only warns."""
    if _is_damaged(value):
        raise BadIdentifier(DAMAGED)
    number = _folded(value)
    if not (number.isascii() and number.isdigit()):
        raise BadIdentifier(text("A bank account has digits only."))
    if not 8 <= len(number) <= 32:
        raise BadIdentifier(text("A bank account has 8 to 32 digits, this has %(count)s.", count=len(number)))
    looks_like_a_card = 16 <= len(number) <= 19 and number.startswith("62")
    looks_rounded = len(number) > FLOAT_DIGITS + 1 and not number[FLOAT_DIGITS:].strip("0")
    return BankAccount(number, not looks_rounded and (not looks_like_a_card or _luhn(number)))


def _luhn(number: str) -> bool:
    doubled = [int(c) * (2 if i % 2 else 1) for i, c in enumerate(reversed(number))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def email(value: object) -> str:
    """A mail address; whether somebody reads it is not asked."""
    written = _written(value).strip()
    try:
        return email_validator.validate_email(written, check_deliverability=False).normalized
    except email_validator.EmailNotValidError:
        raise BadIdentifier(text("This is not an e-mail address.")) from None
