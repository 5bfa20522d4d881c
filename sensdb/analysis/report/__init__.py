"""The report: one page that says what was run and what came out, with its figures, tables and commands."""
