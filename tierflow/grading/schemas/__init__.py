"""What grading is given and what it shows."""
