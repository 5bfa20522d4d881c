"""Figures: a function takes the rows of a saved query and gives a matplotlib Figure; none asks a database."""
