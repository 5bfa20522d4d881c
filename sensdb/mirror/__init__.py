"""A read-only copy of the results in Parquet segments, for DuckDB."""
