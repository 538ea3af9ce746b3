"""Every page of administration opens, in both languages, without a word left untranslated."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.admin.conftest import Company
from tests.builders import sign_in

PAGES = [
    "/me",
    "/people",
    "/people?q=li&role=account_manager&state=enabled",
    "/people/new",
    "/people/{li}",
    "/people/{li}/edit",
    "/role-grants",
    "/role-grants?state=waiting",
    "/role-grants/new?user_id={li}",
    "/role-grants/{grant}",
    "/delegations",
    "/delegations/new",
    "/reference",
    *(f"/reference/{kind}" for kind in ("region", "department", "office", "warehouse", "product_line", "product")),
    *(f"/reference/{kind}/new" for kind in ("region", "department", "office", "warehouse", "product_line", "product")),
    "/reference/region/{region}",
    "/calendar",
    "/calendar?year=2020",
    "/calendar?year=2026&received_at=2026-11-20T18:00&working_days=3",
    "/calendar?year=2100",
    "/calendar/load",
    "/channels",
    "/channels/new?kind=smtp",
    "/channels/new?kind=wecom",
    "/channels/new?kind=dingtalk",
    "/channels/new?kind=feishu",
    "/logs/audit",
    "/logs/audit?user_id={li}&action=user.&subject_type=user&from_on=2026-01-01&last_on=2026-12-31",
    "/logs/security",
    "/policy",
    "/policy?on=2026-01-01",
    "/",
]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_opens(app: Flask, company: Company, lang: str) -> None:
    client = sign_in(app, company.ann)
    company.speak(lang)
    for path in PAGES:
        answer = client.get(path.format(**company.ids), follow_redirects=True)
        assert answer.status_code == 200, (path, answer.text[:2000])
        assert f'lang="{"zh-Hans" if lang == "zh" else "en"}"' in answer.text, path
