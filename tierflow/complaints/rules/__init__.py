"""The rules of complaints, pure: facts, policy, calendar and time in, what follows from them out (CHEM-12)."""
