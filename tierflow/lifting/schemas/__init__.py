"""What may be said about orders, and what is told."""
