"""What comes in, for form and JSON alike, and what the API answers."""
