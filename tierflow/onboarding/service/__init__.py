"""The verbs and queries of account opening. Every verb takes (session, actor, ..., now), never commits, knows no Flask.

One module per part; the verbs and queries are reachable from here as well.

`drafts` create_draft(session, actor, now, data=None, *, copy_of=None) · save_draft(…, application_id, data, now, *,
    seen_version) · discard. `data`: any of `particulars.FIELDS`, "lines": [{product_line_id, customer_class}],
    "checks": [{customer_class, item, answer, evidence}]; a key that is absent is left as it is. `seen_version` is
    `Application.version` as the page had it.
`papers` add_paper · change_paper · remove_paper · attach_evidence · remove_evidence; a file is an `uploads.Upload`.
`matching` find_matches: duplicates and disqualified companies, before anything is handed in.
`admitting` preview_admission (an application) · preview_facts (typed only) -> Admission(decision, facts, policy).
`content` content_of: the groups approvals bind to.
`deciding` submit · decide · withdraw · ask · bulk_approve · items_for. `seen` is `approvals.Seen(case.version,
    case.step)`; a verdict's items are `rules.chain.Given`, `struck` maps product lines to reasons.
`reading` view -> ApplicationView (all a page shows) · changes_since · timeline.
`listing` list_applications · next_in_queue · waiting_all_green · lines_asked.
`showing` summary(session, content) -> sections in words · show_changes.
`customers` list_customers · customer_view.
`access` get_visible · case_of · may_edit · file_for (a scan, for whoever may see what it belongs to).
"""

from tierflow.onboarding.service import takeover  # noqa: F401 - the import is known to the worker
from tierflow.onboarding.service.access import case_of, file_for, get_visible, may_edit
from tierflow.onboarding.service.admitting import Admission, admission_of, preview_admission, preview_facts
from tierflow.onboarding.service.content import content_of
from tierflow.onboarding.service.customers import CustomerFilters, customer_view, list_customers
from tierflow.onboarding.service.deciding import ask, bulk_approve, decide, items_for, submit, withdraw
from tierflow.onboarding.service.drafts import create_draft, discard, save_draft
from tierflow.onboarding.service.listing import Filters, list_applications, next_in_queue
from tierflow.onboarding.service.matching import find_matches
from tierflow.onboarding.service.papers import add_paper, attach_evidence, change_paper, remove_evidence, remove_paper
from tierflow.onboarding.service.reading import changes_since, timeline, view
from tierflow.onboarding.service.showing import show_changes, summary

__all__ = [
    "Admission",
    "CustomerFilters",
    "Filters",
    "add_paper",
    "admission_of",
    "ask",
    "attach_evidence",
    "bulk_approve",
    "case_of",
    "change_paper",
    "changes_since",
    "content_of",
    "create_draft",
    "customer_view",
    "decide",
    "discard",
    "file_for",
    "find_matches",
    "get_visible",
    "items_for",
    "list_applications",
    "list_customers",
    "may_edit",
    "next_in_queue",
    "preview_admission",
    "preview_facts",
    "remove_evidence",
    "remove_paper",
    "save_draft",
    "show_changes",
    "submit",
    "summary",
    "timeline",
    "view",
    "withdraw",
]
