"""Rules of grading, by chapter."""
