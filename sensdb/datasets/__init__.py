"""Data sets: where they lie, their formats and checksums, and how they are prepared."""
