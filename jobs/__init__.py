"""The scheduler process: timed duties, run once for every period."""
