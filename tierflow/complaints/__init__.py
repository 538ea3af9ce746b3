"""Complaints and their clocks (CHEM-12)."""
