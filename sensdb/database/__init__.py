"""The schema, its views and dictionary, connections and migrations (design.md 5)."""
