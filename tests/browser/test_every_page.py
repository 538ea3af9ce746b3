"""Every page of the product on a phone and a small desk, in the language with the longer words.

Nothing sticks out, nothing keeps a reader with a screen reader or a keyboard out, nothing is fetched from elsewhere,
and the console is silent. What the demo company has nothing to show on, `test_rare_pages` opens.
"""

from __future__ import annotations

import pytest
from flask import Flask

from tests.browser import places
from tests.browser.axe import RULES, serious
from tests.browser.conftest import PHONE, SMALL_DESK, Desk, Seat
from tests.browser.test_rare_pages import RARE

# Parts that a page fetches, sheets of paper, files, and addresses that lead on.
NO_PAGES = {
    "/applications/<application_id>/annex1",
    "/applications/<application_id>/annex1/blank",
    "/applications/<application_id>/decisions/<decision_id>",
    "/applications/<application_id>/missing",
    "/applications/<application_id>/preview",
    "/complaints/<complaint_id>/annex3",
    "/complaints/<complaint_id>/clock",
    "/complaints/<complaint_id>/receipt",
    "/contracts/<contract_id>/file",
    "/customers/<customer_id>/print",
    "/disqualifications/<disqualification_id>/files/evidence",
    "/disqualified/imports/form",
    "/distributions/<distribution_id>",
    "/listings/<listing_id>/files/evidence",
    "/offtake/imports/form",
    "/orders/<order_id>/settlement",
    "/orders/<order_id>/slips/<slip_id>",
    "/reference",
    "/reviews/<review_id>/pack",
    "/takeover/form",
}


@pytest.fixture
def app(planted: Flask) -> Flask:
    """The demo company: it has something to show on every page."""
    return planted


@pytest.mark.timeout(900)  # a minute on a machine of its own
def test_every_page_fits_reads_and_keeps_quiet(app: Flask, seat: Seat) -> None:
    me = places.holder_of_everything(app)
    found, without = places.pages(app, me, NO_PAGES | {*RARE})
    assert without == set(), "no page was found for these"
    desks: dict[int, Desk] = {}
    wrong = []
    for place in found:
        if place.user_id not in desks:
            desks[place.user_id] = seat(place.user_id, size=PHONE, touch=True)
        page = desks[place.user_id].go(place.address)
        for size in (PHONE, SMALL_DESK):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                wrong.append(f"{place.address} is {width} wide on {size['width']}")
        if place.is_first:
            wrong += [f"{place.address} {fault}" for fault in serious(page, RULES)]
    assert wrong == []
