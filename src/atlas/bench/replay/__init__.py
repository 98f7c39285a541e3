"""Recorded pools: choosing among candidates again, offline, by any selector, beside the answer key."""
