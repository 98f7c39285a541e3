"""Which model fits which memory, and how fast it will be."""
