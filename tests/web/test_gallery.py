"""The look holds: both languages, nothing inline, nothing from elsewhere, nothing that axe calls serious."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from tests.untranslated import missing, sentences
from tests.web.gallery_app import WEB, create_app

PARTS = ("inbox", "approval", "customer", "list", "form", "parts")
PAGES = [f"/?part={part}&flash=1&banner=1" for part in PARTS] + [
    "/?anonymous=1",
    "/login",
    "/login-bad",
    "/factor",
    "/print",
    *(f"/error/{code}" for code in (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)),
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
INLINE = re.compile(r"<[^>]*\s(style|on[a-z]+)\s*=|<style\b|<script(?![^>]*\bsrc=)|javascript:", re.IGNORECASE)


@pytest.fixture
def client() -> FlaskClient:
    return create_app().test_client()


def url(path: str, lang: str, theme: str = "light") -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={lang}&theme={theme}"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_need_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient, path: str, lang: str) -> None:
    answer = client.get(url(path, lang))
    assert answer.status_code == 200
    html = answer.text
    assert not INLINE.search(html), INLINE.search(html)
    assert not re.search(r"(?:src|href|action)=[\"'](?:https?:)?//", html)
    assert f'lang="{"zh-Hans" if lang == "zh" else "en"}"' in html


@pytest.mark.parametrize("path", PAGES)
def test_ids_are_unique_and_every_label_has_its_control(client: FlaskClient, path: str) -> None:
    html = client.get(path).text
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids)), sorted({i for i in ids if ids.count(i) > 1})
    for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
        for value in re.findall(rf'\s{attribute}="([^"]+)"', html):
            assert set(value.split()) <= set(ids), (attribute, value)


def test_post_forms_carry_a_csrf_token(client: FlaskClient) -> None:
    for path in PAGES:
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", client.get(path).text, re.DOTALL):
            assert 'name="csrf_token"' in form


def test_every_sentence_is_in_chinese() -> None:
    assert len(sentences(WEB)) > 100
    assert not missing(WEB)


def test_what_was_typed_is_kept_and_its_message_is_tied_to_the_field(client: FlaskClient) -> None:
    html = client.get("/?part=form").text
    field = re.search(r'<input[^>]*name="credit_code"[^>]*>', html)
    assert field
    assert 'value="91330402MA28A7P41K"' in field[0]
    assert 'aria-invalid="true"' in field[0]
    assert "f-credit_code-error" in field[0]
    assert 'href="#f-credit_code"' in html


def test_a_count_above_99_is_shown_as_99_plus(client: FlaskClient) -> None:
    html = client.get("/").text
    assert ">99+<" in html
    assert "112" not in html


@pytest.mark.parametrize("path", sorted((WEB / "static").glob("*.*")) + sorted((WEB / "templates").rglob("*.html")))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_chromium_finds_nothing_serious(browser: Browser, address: str, theme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    said: list[str] = []
    asked: list[str] = []
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 844}, reduced_motion="reduce")
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for lang, path in [("zh", p) for p in PAGES[:12]] + [("en", PAGES[1]), ("en", PAGES[4])]:
        page.goto(address + url(path, lang, theme))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                wrong += [f"{path} {violation['id']}: {node['html'][:160]}" for node in violation["nodes"]]
    page.close()
    assert wrong == []
    assert said == []
    assert [each for each in asked if not each.startswith((address, "data:", "blob:"))] == []


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_keys_confirmation_drawer_autosave_and_checks_work_under_the_strict_policy(
    browser: Browser, address: str
) -> None:
    from playwright.sync_api import expect

    said: list[str] = []
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)

    page.goto(f"{address}/?part=list")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tbody tr").nth(1).locator("[data-row-link]")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("[")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-nav", "folded")

    page.goto(f"{address}/?part=approval")
    page.keyboard.press("d")
    expect(page.locator("#confirm-dialog")).to_be_visible()
    page.locator("#confirm-dialog button[value=no]").click()
    page.locator("[data-explain-url]").first.click()
    expect(page.locator("[data-explain-body]")).to_contain_text("CHEM-9.4")

    page.goto(f"{address}/?part=form")
    page.fill("[name=name]", "嘉兴南湖管业")
    expect(page.locator("#f-name-check a")).to_have_text("与 C-000519 同名")
    expect(page.locator("[data-autosave-state]")).to_contain_text("10:32")
    expect(page.locator("[name=version]")).to_have_value("8")
    page.set_input_files("[name='papers.0.scan']", {"name": "x.exe", "mimeType": "application/pdf", "buffer": b"MZ"})
    expect(page.locator("#f-papers-0-scan-files .is-bad")).to_contain_text("x.exe")
    page.check("[name='papers.0.long_term']")
    expect(page.locator("[name='papers.0.valid_to']")).to_be_disabled()

    page.get_by_role("button", name="主题").click()
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.close()
    assert said == []
