"""The rules of lifting: pure, numbers in grams and fen."""
