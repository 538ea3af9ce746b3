"""What axe finds on a page that would keep somebody from working there."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# WCAG 2 at levels A and AA, in this document only; what passes is not written down.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"], "iframes": False}


def serious(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """Violations called serious or critical, one line each; every rule of axe unless `options` say less."""
    page.evaluate(AXE_SCRIPT)
    wanted = options or {"resultTypes": ["violations"]}
    found = page.evaluate("wanted => axe.run(wanted).then(results => results.violations)", wanted)
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
