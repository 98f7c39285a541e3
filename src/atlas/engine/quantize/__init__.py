"""Making a model file smaller: a named mixture of types, written as llama.cpp's own tool writes it."""

from atlas.engine.quantize.job import Job, Outcome, plan, quantize

__all__ = ["Job", "Outcome", "plan", "quantize"]
