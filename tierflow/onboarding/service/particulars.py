"""Reading what was typed into an application: one reader for the form, the API and the preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tierflow.common import identifiers
from tierflow.common.customers import name_key
from tierflow.common.identifiers import BadIdentifier
from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import text

# As typed; blank means: not filled in yet.
PLAIN = ("legal_representative", "address", "contact_name", "bank_name", "invoice_address", "readmission_reason")
FIELDS = (
    "name",
    "credit_code",
    "organisation_code",
    *PLAIN,
    "phone",
    "email",
    "bank_account",
    "invoice_phone",
    "region_id",
)


def read(data: Mapping[str, Any]) -> dict[str, Any]:
    """Columns from typed values, keys included; a field that is absent stays absent.

    Raises `Invalid` with every wrong field; what is merely missing is no error here.
    """
    columns: dict[str, Any] = {field: data[field] or "" for field in PLAIN if field in data}
    if "region_id" in data:
        columns["region_id"] = data["region_id"]
    errors: dict[str, Any] = {}
    for field, reader in _READERS.items():
        if field not in data:
            continue
        try:
            columns |= reader(data[field])
        except BadIdentifier as bad:
            errors[field] = [bad.reason]
    if not errors:
        errors = _codes(columns, data)
    if errors:
        raise Invalid(errors)
    return columns


def _codes(columns: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """A credit code carries the organisation code; given both, they must agree."""
    if columns.get("credit_code"):
        within = identifiers.organisation_code_within(columns["credit_code"])
        if columns.get("organisation_code") not in (None, within):
            return {"organisation_code": [text("This is not the organisation code within the credit code.")]}
        columns["organisation_code"] = within
    elif "credit_code" in data and "organisation_code" not in data:
        columns["organisation_code"] = None  # it came from the credit code that was taken away
    return {}


def _name(value: Any) -> dict[str, Any]:
    name = value or ""
    key = name_key(name)
    if name and not key:
        raise BadIdentifier(text("A company's name has letters or characters."))
    return {"name": name, "name_key": key}


def _credit_code(value: Any) -> dict[str, Any]:
    return {"credit_code": identifiers.credit_code(value) if _given(value) else None}


def _organisation_code(value: Any) -> dict[str, Any]:
    return {"organisation_code": identifiers.organisation_code(value) if _given(value) else None}


def _phone(value: Any) -> dict[str, Any]:
    if not _given(value):
        return {"phone": "", "phone_key": ""}
    phone = identifiers.phone(value)
    return {"phone": phone.shown, "phone_key": phone.key}


def _invoice_phone(value: Any) -> dict[str, Any]:
    return {"invoice_phone": identifiers.phone(value).shown if _given(value) else ""}


def _email(value: Any) -> dict[str, Any]:
    return {"email": identifiers.email(value) if _given(value) else ""}


def _bank_account(value: Any) -> dict[str, Any]:
    number = identifiers.bank_account(value).number if _given(value) else ""
    return {"bank_account": number, "account_key": number}


def _given(value: Any) -> bool:
    return value is not None and value != ""


_READERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "name": _name,
    "credit_code": _credit_code,
    "organisation_code": _organisation_code,
    "phone": _phone,
    "email": _email,
    "bank_account": _bank_account,
    "invoice_phone": _invoice_phone,
}
