"""The job queue: its state machine and its SQL (design.md 6)."""
