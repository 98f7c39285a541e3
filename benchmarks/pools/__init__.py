"""Pools of real models' candidates, rebuilt from public sources at pinned revisions."""
