"""The verbs and queries of account opening. Every verb takes (session, actor, ..., now), never commits, knows no Flask.

Drafts (`drafts`): all return the `Application`; `seen_version` is `Application.version` as the page had it
    create_draft(session, actor, now, data=None, *, copy_of=None)
    save_draft(session, actor, application_id, data, now, *, seen_version)
        data: any of the particulars and invoicing fields, "lines": [{product_line_id, customer_class}],
        "checks": [{customer_class, item, answer, evidence}]; a key that is absent is left as it is
    discard(session, actor, application_id, now, *, reason="")
Papers (`papers`)
    add_paper(session, actor, application_id, kind, upload, data, now) -> Paper
    change_paper(session, actor, paper_id, data, now, *, upload=None) -> Paper
    remove_paper(session, actor, paper_id, now)
    attach_evidence(session, actor, application_id, customer_class, item, upload, now) -> EntryCheck
    remove_evidence(session, actor, application_id, customer_class, item, now)
    file_for(session, actor, file_id) -> StoredFile          NotFound when it is not theirs to see
        upload: common.uploads.Upload(name, content); data: {number, issuer, valid_from, valid_to, is_long_term}
Looking before handing in (`admitting`)
    find_matches(session, actor, particulars, *, besides=None) -> [Match]
    preview_admission(session, actor, application_id, now) -> Admission(decision, facts, matches)
    preview_facts(session, actor, data, now) -> Admission    nothing stored
    content_of(session, application) -> {group: {field: value}}
The chain (`deciding`); `seen` is common.approvals.Seen(case.version, case.step)
    submit(session, actor, application_id, now, *, seen_version) -> ApprovalCase
    decide(session, actor, application_id, seen, verdict, now, *, reason="", items=(), struck=None) -> ApprovalDecision
        items: [rules.chain.Given]; struck: {product_line_id: reason}
    withdraw(session, actor, application_id, now, *, reason)
    ask(session, actor, application_id, asked_id, question, kind, now) -> AskedOpinion    kind "ask" or "copy"
    bulk_approve(session, actor, [(application_id, seen)], now, *, reason="") -> [ApprovalDecision]
Reading (`reading`)
    get_visible(session, actor, application_id) -> Application
    case_of(session, application_id) -> ApprovalCase
    view(session, actor, application_id, now) -> ApplicationView      all a page shows, in a fixed number of queries
    list_applications(session, actor, filters, *, cursor=None, size=30) -> Page of ApplicationRow
    next_in_queue(session, actor, after=None) -> application id or None
    timeline(session, application_id) -> [AuditEntry]
    changes_since(session, application_id, round_) -> (Change, ...)
    summary(session, content) -> [Section(title, rows)]
Customers (`customers`)
    list_customers(session, actor, filters, *, cursor=None, size=30) -> Page of CustomerRow
    customer_view(session, actor, customer_id, now) -> CustomerView
"""
