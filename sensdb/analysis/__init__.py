"""Saved queries, statistics and figures over the mirror."""
