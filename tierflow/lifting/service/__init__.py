"""The verbs and queries of lifting."""
