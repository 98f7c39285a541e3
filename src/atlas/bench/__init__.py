"""Benchmarks: suites, runs behind the wall, grading, statistics and reports."""
