"""Tables and small services that all domains share, one noun per file."""
