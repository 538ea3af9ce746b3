"""Verbs of grading, by subject."""
