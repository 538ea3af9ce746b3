"""Which link of the navigation a page lights."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tierflow.kernel.roles import Actor, Grant, Role
from tierflow.web import navigation

MANAGER = Actor(1, 1, "陈经理", frozenset({Grant(Role.SALES_MANAGER, 1)}))
ADMINISTRATOR = Actor(2, 2, "管理员", frozenset({Grant(Role.ADMINISTRATOR)}))


def lit(app: Flask, path: str, actor: Actor = MANAGER, root: str = "") -> list[str]:
    with app.test_request_context(path, base_url=f"http://localhost{root}"):
        shown = navigation.markup(actor)
    return re.findall(r'href="([^"]+)"[^>]*aria-current', shown)


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/", "/"),
        ("/applications", "/applications"),
        ("/applications/7", "/applications"),
        ("/customers/7", "/customers"),
        ("/customers/7/change", "/customers"),
        ("/customers/expiring", "/customers/expiring"),
        ("/customer-changes/7", "/customers"),
        ("/paper-renewals/7", "/customers"),
        ("/disqualifications/7", "/disqualified"),
        ("/disqualified", "/disqualified"),
        ("/contracts/7", "/contracts"),
        ("/levels/trials/7", "/levels/policies"),
    ],
)
@pytest.mark.parametrize("root", ["", "/tierflow"])
def test_a_page_lights_the_link_it_belongs_to_wherever_the_product_is_mounted(
    app: Flask, path: str, link: str, root: str
) -> None:
    assert lit(app, path, root=root) == [root + link]


def test_a_form_that_is_sent_back_lights_the_link_of_its_page(app: Flask) -> None:
    finance = Actor(3, 3, "吴会计", frozenset({Grant(Role.FINANCE_REVIEWER)}))
    with app.test_request_context("/bank", method="POST"):
        shown = navigation.markup(finance)
    assert re.findall(r'href="([^"]+)"[^>]*aria-current', shown) == ["/bank"]


def test_links_kept_for_one_set_of_roles_are_not_shown_to_another(app: Flask) -> None:
    with app.test_request_context("/"):
        manager, administrator = navigation.markup(MANAGER), navigation.markup(ADMINISTRATOR)
        again = navigation.markup(MANAGER)
    assert 'href="/customers"' in manager
    assert 'href="/customers"' not in administrator
    assert manager == again
    assert navigation.markup(None) == ""
