"""Account opening and the customer file (CHEM-4, 5, 7, 8, 10.1-3, 10.7, 15, 17)."""
