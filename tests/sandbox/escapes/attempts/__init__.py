"""What is tried, by topic: tables of what must be ``REFUSED`` and of programs that it ``RUNS``."""
