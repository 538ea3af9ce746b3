"""A real browser against a real server: Chromium, loopback, a SQLite copy, a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from werkzeug.serving import make_server

from tests.builders import sign_in
from tests.conftest import CHROMIUM
from tierflow.web.context import COOKIE

DESKTOP = {"width": 1440, "height": 900}
SMALL_DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives Chromium; without one it is skipped, and said aloud."""
    for item in items:
        if "tests/browser" in str(item.path).replace("\\", "/"):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="NO CHROMIUM FOUND: the browser stories were not run"))


@pytest.fixture
def server(app: Flask) -> Iterator[str]:
    """The address of the application, served on loopback."""
    app.config["CHECK_SCHEMA"] = False
    live = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=live.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{live.server_port}"
    live.shutdown()
    thread.join()
    live.server_close()


@dataclass
class Desk:
    """Somebody at a screen. What the console or the network says that it should not, is kept in `complaints`."""

    context: BrowserContext
    page: Page
    server: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.server + path, wait_until="load")
        return self.page

    def watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        # A form sent back with 409 or 422 is an answer, not a fault; Chromium writes it to the console all the same.
        answered = "status of 409" in message.text or "status of 422" in message.text
        if message.type in ("error", "warning") and not answered:
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.server, "data:", "blob:", "chrome-extension:", "chrome:")):
            self.complaints.append(f"outside: {request.url}")


Seat = Callable[..., Desk]


@pytest.fixture
def seat(app: Flask, server: str, browser: Browser) -> Iterator[Seat]:
    """A desk for an account: `seat(user_id, lang="zh", theme="light", size=DESKTOP)`."""
    desks: list[Desk] = []

    def sit(user_id: int | None = None, *, size: dict[str, int] = DESKTOP, touch: bool = False) -> Desk:
        context = browser.new_context(
            viewport=size, locale="zh-CN", timezone_id="Asia/Shanghai", has_touch=touch, accept_downloads=True
        )
        if user_id is not None:
            cookie = sign_in(app, user_id).get_cookie(COOKIE)
            assert cookie is not None
            context.add_cookies([{"name": COOKIE, "value": cookie.value, "url": server}])
        desk = Desk(context, context.new_page(), server)
        context.on("page", desk.watch)
        desk.watch(desk.page)
        desks.append(desk)
        return desk

    yield sit
    for desk in desks:
        desk.context.close()
    faults = [complaint for desk in desks for complaint in desk.complaints]
    assert not faults, "\n".join(faults)
