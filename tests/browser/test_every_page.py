"""Every page of the product on a phone and a small desk, in the language with the longer words: nothing sticks out."""

from __future__ import annotations

from flask import Flask
from werkzeug.test import TestResponse

from tests.browser.conftest import PHONE, Seat
from tests.guards import world
from tests.guards.world import calls
from tierflow.common.db import transaction
from tierflow.common.users import User

SMALL_DESK = {"width": 1280, "height": 800}


def is_whole(answer: TestResponse) -> bool:
    """A page of its own: not a part that a page fetches, and not paper, which has a width of its own."""
    is_page = answer.status_code == 200 and answer.mimetype == "text/html"
    return is_page and "<title>" in answer.text and "a4" not in answer.text


def test_every_page_fits_a_phone_and_a_small_desk(app: Flask, seat: Seat) -> None:
    place = world.make(app)
    with app.app_context(), transaction() as session:
        session.get_one(User, place.accounts["everything"]).locale = "en"
    client = place.client("everything")
    addresses = [
        address
        for rule, method, access in calls(app)
        if method == "GET" and access.action is not None and not rule.rule.startswith("/api/")
        for address in [place.address(rule)]
        if is_whole(client.get(address))
    ]
    desk = seat(place.accounts["everything"], size=PHONE, touch=True)
    wide = {}
    for address in addresses:
        page = desk.go(address)
        for size in (PHONE, SMALL_DESK):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                wide[address, size["width"]] = width
    assert len(addresses) > 40
    assert wide == {}
