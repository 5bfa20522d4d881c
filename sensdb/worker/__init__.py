"""Worker processes: claim, train, measure, store, repeat (design.md 6)."""
