"""Administration: people and their rights, delegation, reference data, calendar, channels, logs, jobs."""
