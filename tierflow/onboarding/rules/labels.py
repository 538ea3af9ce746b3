"""What the fields of an application are called, in the documents' words."""

from __future__ import annotations

from collections.abc import Mapping

from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.rules.entry import CLASS_LABELS, condition
from tierflow.onboarding.rules.papers import PAPER_LABELS

FIELD_LABELS: Mapping[str, str] = {
    "name": mark("company name"),
    "credit_code": mark("unified social credit code"),
    "organisation_code": mark("organisation code"),
    "legal_representative": mark("legal representative"),
    "address": mark("registered address"),
    "contact_name": mark("contact person"),
    "phone": mark("telephone"),
    "email": mark("e-mail"),
    "region_id": mark("sales region"),
    "readmission_reason": mark("reason for readmission"),
    "taxpayer_number": mark("taxpayer number"),
    "bank_name": mark("bank"),
    "bank_account": mark("bank account"),
    "invoice_address": mark("invoicing address"),
    "invoice_phone": mark("invoicing telephone"),
}

PART_LABELS: Mapping[str, str] = {
    "number": mark("number"),
    "issuer": mark("issuer"),
    "valid_from": mark("valid from"),
    "valid_to": mark("valid to"),
    "is_long_term": mark("long-term"),
    "file": mark("scan"),
    "answer": mark("answer"),
    "evidence": mark("evidence"),
    "class": mark("class"),
}

ANSWER_LABELS: Mapping[str, str] = {"yes": mark("met"), "no": mark("not met"), "": mark("not answered")}


def field_label(group: str, field: str, line_names: Mapping[int, str]) -> Text:
    """The name of a field as `changes` writes it: `bank_name`, `merged_licence.valid_to`, `3.class`."""
    key, _, part = field.partition(".")
    whole = _key_label(group, key, line_names)
    return text("%(field)s: %(part)s", field=whole, part=Text(PART_LABELS[part])) if part else whole


def _key_label(group: str, key: str, line_names: Mapping[int, str]) -> Text:
    if group == "lines":
        return Text(line_names.get(int(key), key))
    if group == "checklist":
        customer_class, _, item = key.partition("/")
        found = condition(customer_class, item)
        label = Text(found.label if found else item)
        return text("%(field)s: %(part)s", field=Text(CLASS_LABELS[customer_class]), part=label)
    return Text(PAPER_LABELS[key]) if key in PAPER_LABELS else Text(FIELD_LABELS[key])
