"""The verbs of administration, one file per noun. None of them commits, none knows Flask."""
