"""The verbs and queries of account opening. Every verb takes (session, actor, ..., now), never commits, knows no Flask.

One module per part, imported as such (`from tierflow.onboarding.service import deciding`).

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
`reading` view -> ApplicationView (all a page shows) · list_applications · next_in_queue · changes_since · timeline.
`showing` summary(session, content) -> sections in words · show_changes.
`customers` list_customers · customer_view.
`access` get_visible · case_of · may_edit · file_for (a scan, for whoever may see what it belongs to).
"""
