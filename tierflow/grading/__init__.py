"""Monthly levels and periodic reviews (CHEM-9, 16)."""
