"""Verbs and queries of complaints. Each takes session, actor and now; none commits."""
