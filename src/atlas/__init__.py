"""ATLAS: a small local model that verifies its own programs before it hands one over."""

__version__ = "0.1.0"
