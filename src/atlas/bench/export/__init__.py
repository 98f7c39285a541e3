"""A run's rows for other tools: CSV, Parquet, and the log format of inspect_ai. No answer key is in any of them."""
