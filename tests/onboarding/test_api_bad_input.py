"""What the API says to bad input: at its field, in the reader's language, and nothing is stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from werkzeug.test import TestResponse

from tests.conftest import StandingClock, _app
from tests.onboarding import scenes
from tests.onboarding.doors import Door, Scene, file_draft, scene_of


class Filed(NamedTuple):
    """An application in draft, and every row of the database as it was then."""

    scene: Scene
    li: Door
    made: dict[str, Any]
    before: dict[str, Any]


@pytest.fixture(scope="module")
def filed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filed]:
    """One application in draft for every row of bad input: none of them may change it."""
    path = tmp_path_factory.mktemp("bad-input") / "test.db"
    shutil.copy(sqlite_template, path)
    for app in _app(f"sqlite:///{path}", StandingClock()):
        scene = scene_of(app)
        li, made = file_draft(scene)
        yield Filed(scene, li, made, scene.dump())


@dataclass
class Bad:
    """One wrong thing to send, where its message belongs, and a word the message has."""

    send: Callable[[Door, dict[str, Any]], TestResponse]
    status: int
    field: str
    says: str


def _patch(**data: Any) -> Callable[[Door, dict[str, Any]], TestResponse]:
    def send(door: Door, made: dict[str, Any]) -> TestResponse:
        seen = {"seen_version": made["application"]["version"]}
        return door.send("PATCH", f"/applications/{made['application']['id']}", json={**seen, **data})

    return send


def _paper(
    content: bytes = b"", name: str = "a.pdf", kind: str = "business_licence", **printed: str
) -> Callable[[Door, dict[str, Any]], TestResponse]:
    def send(door: Door, made: dict[str, Any]) -> TestResponse:
        path = f"/applications/{made['application']['id']}/papers"
        return door.upload(path, {"kind": kind, **printed}, name, content)

    return send


GOOD_CODE = scenes.credit_code(9)


BAD_INPUT = {
    "own check character": Bad(_patch(credit_code=GOOD_CODE[:17] + "Y"), 422, "credit_code", "does not fit"),
    "embedded organisation code": Bad(
        _patch(credit_code=scenes.with_wrong_organisation_code()), 422, "credit_code", "organisation code"
    ),
    "region 000000": Bad(
        _patch(credit_code=scenes.credit_code(9, region="000000")), 422, "credit_code", "cannot be 000000"
    ),
    "code as Excel shows it": Bad(_patch(credit_code="9.11E+17"), 422, "credit_code", "spreadsheet"),
    "code as Excel keeps it": Bad(_patch(credit_code=911310000000012345.0), 422, "credit_code", "spreadsheet"),
    "code with its tail rounded": Bad(_patch(credit_code="911310000000012000"), 422, "credit_code", "spreadsheet"),
    "code with letter O": Bad(_patch(credit_code="9131000OMA1FL12345"), 422, "credit_code", "O"),
    "organisation code against credit code": Bad(
        _patch(credit_code=GOOD_CODE, organisation_code="D2143569-X"),
        422,
        "organisation_code",
        "within the credit code",
    ),
    "telephone": Bad(_patch(phone="12345"), 422, "phone", "telephone"),
    "bank account with letters": Bad(_patch(bank_account="ABC12345678"), 422, "bank_account", "digits"),
    "bank account from Excel": Bad(_patch(bank_account="6.22E+18"), 422, "bank_account", "spreadsheet"),
    "e-mail": Bad(_patch(email="nobody"), 422, "email", "e-mail"),
    "control character in a name": Bad(_patch(name="华东\x00塑料"), 422, "name", "cannot be shown"),
    "a name of signs only": Bad(_patch(name="———"), 422, "name", "letters"),
    "far too long": Bad(_patch(name="长" * 121), 422, "name", "120"),
    "unknown field": Bad(_patch(state="approved"), 422, "state", "not known"),
    "id of no region": Bad(_patch(region_id=99999), 422, "region_id", "Choose"),
    "huge id": Bad(_patch(region_id=10**30), 422, "region_id", "too large"),
    "class the scheme has not": Bad(
        _patch(lines=[{"product_line_id": 1, "customer_class": "exclusive_agent"}]),
        422,
        "lines.0.customer_class",
        "has no class",
    ),
    "one line twice": Bad(
        _patch(lines=[{"product_line_id": 1, "customer_class": "dealer"}] * 2), 422, "lines.1.product_line_id", "once"
    ),
    "an entry condition of another class": Bad(
        _patch(checks=[{"customer_class": "dealer", "item": "direct_use", "answer": "yes"}]),
        422,
        "checks.0.item",
        "Choose",
    ),
    "expired paper": Bad(_paper(scenes.pdf(), valid_to="2026-11-22"), 422, "valid_to", "expired on 2026-11-22"),
    "dates the wrong way round": Bad(
        _paper(scenes.pdf(), valid_from="2027-01-02", valid_to="2027-01-01"), 422, "valid_to", "before the first"
    ),
    "long-term with an end": Bad(
        _paper(scenes.pdf(), valid_to="2030-01-01", is_long_term="true"), 422, "valid_to", "no last day"
    ),
    "no such day": Bad(_paper(scenes.pdf(), valid_to="2027-02-30"), 422, "valid_to", "date"),
    "no such kind of paper": Bad(_paper(scenes.pdf(), kind="passport"), 422, "kind", "Choose"),
    "a licence number that is no code": Bad(
        _paper(scenes.pdf(), kind="organisation_code_certificate", number="12345678-0"), 422, "number", "does not fit"
    ),
    "nothing in the file": Bad(_paper(b""), 422, "file", "empty"),
    "web page in disguise": Bad(_paper(b"<!DOCTYPE html><script>alert(1)</script>"), 422, "file", "web page"),
    "program in disguise": Bad(_paper(b"MZ" + bytes(200)), 422, "file", "program"),
    "Office file in disguise": Bad(_paper(b"PK\x03\x04" + bytes(200)), 422, "file", "Office"),
    "drawing with code": Bad(_paper(b"<svg onload=alert(1)>", "a.png"), 422, "file", "web page or drawing"),
    "PDF with script": Bad(
        _paper(scenes.pdf_with_objects_packed(b"/OpenAction << /S /JavaScript /JS (x) >>")), 422, "file", "scripts"
    ),
    "picture with a page behind": Bad(_paper(scenes.png() + b"<html>", "a.png"), 422, "file", "besides a scan"),
    "damaged PDF": Bad(_paper(b"%PDF-1.4\nnothing\n%%EOF"), 422, "file", "damaged"),
    "over the policy's size": Bad(_paper(b"%PDF-1.4\n" + bytes(10 * 1024 * 1024)), 422, "file", "10 MB"),
    "30 MB": Bad(_paper(bytes(30 * 1024 * 1024)), 422, "file", "too large"),
    "70 MB": Bad(_paper(bytes(70 * 1024 * 1024)), 413, "file", "too large"),
}


def _at(errors: Any, path: str) -> Any:
    for part in path.split("."):
        errors = errors.get(part) if isinstance(errors, dict) else None
    return errors


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_told_at_its_field_and_changes_nothing(filed: Filed, name: str) -> None:
    bad = BAD_INPUT[name]
    answer = bad.send(filed.li, filed.made)
    assert answer.status_code == bad.status, answer.text
    messages = _at(answer.json["errors"], bad.field)
    assert messages, answer.json
    assert bad.says in " ".join(messages)
    assert filed.scene.dump() == filed.before


def test_messages_come_in_the_readers_language(scene: Scene) -> None:
    li, made = file_draft(scene)
    one = f"/applications/{made['application']['id']}"
    data = {"seen_version": 1, "credit_code": "9.11E+17"}
    said = li.send("PATCH", one, json=data, headers={"Accept-Language": "zh"}).json["errors"]["credit_code"][0]
    assert "文本" in said, said
