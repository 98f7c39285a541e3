"""The search: pool, evidence, moves, strategies and the solver; it has no benchmark mode and knows no model."""
