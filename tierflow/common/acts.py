"""What every recorded act is called when people read it; the audit log and every history speak from here."""

from __future__ import annotations

from tierflow.kernel.text import mark

ACTS: dict[str, str] = {
    # approvals
    "submit": mark("submitted"),
    "withdraw": mark("withdrew"),
    "discard": mark("discarded"),
    "void": mark("voided what came too late"),
    "decide.approve": mark("approved"),
    "decide.return": mark("returned for correction"),
    "decide.reject": mark("rejected"),
    "opinion.ask": mark("asked for an opinion"),
    "opinion.copy": mark("copied somebody in"),
    "opinion.answer": mark("gave an opinion"),
    # account opening
    "application.create": mark("began the draft"),
    "application.save": mark("edited the draft"),
    "paper.add": mark("added a paper"),
    "paper.change": mark("corrected a paper"),
    "paper.remove": mark("took a paper off"),
    "evidence.attach": mark("added evidence"),
    "evidence.remove": mark("took evidence off"),
    "customer.admit": mark("the customer was opened"),
    # the customer file
    "paper.renew": mark("handed in a paper anew"),
    "paper.accept": mark("put a paper on file"),
    "upload_link.make": mark("made an upload link"),
    "upload_link.revoke": mark("took an upload link back"),
    "disqualified.take_over": mark("took the disqualified company over"),
    # people and rights
    "company.init": mark("founded the company"),
    "user.create": mark("created an account"),
    "user.edit": mark("edited an account"),
    "user.disable": mark("disabled an account"),
    "user.enable": mark("enabled an account"),
    "password.change": mark("changed the password"),
    "password.reset": mark("reset a password"),
    "second_factor.enrol": mark("set up the second factor"),
    "second_factor.replace": mark("replaced the second factor"),
    "second_factor.reset": mark("reset a second factor"),
    "identity.bind": mark("linked a company identity"),
    "identity.unbind": mark("unlinked a company identity"),
    "session.end": mark("ended a session"),
    "token.issue": mark("issued an API token"),
    "token.revoke": mark("revoked an API token"),
    "grant.bootstrap": mark("granted the second administrator alone"),
    "grant.revise": mark("revised a role proposal"),
    "grant.revoke": mark("revoked a role"),
    "delegation.set": mark("set a delegation"),
    "delegation.revoke": mark("revoked a delegation"),
    # the company's data
    "reference.create": mark("created reference data"),
    "reference.edit": mark("edited reference data"),
    "reference.end": mark("let reference data end"),
    "reference.go_on": mark("took the end of reference data back"),
    "calendar.load": mark("loaded a calendar year"),
    "channel.create": mark("created a channel"),
    "channel.edit": mark("edited a channel"),
    "channel.test": mark("tested a channel"),
    "delivery.retry": mark("sent a dead letter again"),
    "job.release": mark("confirmed the date for the timed duties"),
    "job.request": mark("asked for a timed duty"),
    # handing over
    "customer.hand_over": mark("handed the customer over"),
    "handover.propose": mark("proposed a handover"),
    "handover.sign": mark("signed a handover"),
    "handover.complete": mark("handed a portfolio over"),
    "handover.end": mark("gave a handover up"),
    # contracts
    "contract.enter": mark("entered a contract"),
    "contract.change": mark("changed a contract's custody"),
    "contract.end": mark("ended a contract early"),
    # imports
    "import.receive": mark("took in a file to import"),
    "import.hand_in": mark("handed in an import"),
    "import.approve": mark("approved an import"),
    "import.send_back": mark("sent an import back"),
    "import.discard": mark("gave an import up"),
    "import.apply": mark("imported a file"),
    "import.revert": mark("reverted an import"),
    # complaints
    "complaint.answer": mark("answered a consultation"),
    "complaint.breach": mark("upheld a breach by the customer"),
    "complaint.check": mark("checked a measure"),
    "complaint.classify": mark("classified the complaint"),
    "complaint.close": mark("closed the complaint"),
    "complaint.consult": mark("consulted a department"),
    "complaint.draft": mark("drafted the handling opinion"),
    "complaint.identify": mark("named the customer"),
    "complaint.measure_done": mark("carried out a measure"),
    "complaint.meeting": mark("recorded the special meeting"),
    "complaint.photos": mark("added photos"),
    "complaint.redate": mark("moved a deadline"),
    "complaint.reopen": mark("reopened the complaint"),
    "complaint.take": mark("took the complaint"),
    "complaint.tell": mark("told the customer"),
    "inquiry.answer": mark("answered an inquiry"),
    "inquiry.note": mark("noted an inquiry"),
    "inquiry.turn": mark("turned an inquiry into a complaint"),
    "reply_template.save": mark("saved a reply template"),
}


def act_label(action: str) -> str:
    """The English sentence of an act, to be translated where it is shown; the act's own name when it has none."""
    return ACTS.get(action, action)
