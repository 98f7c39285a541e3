"""Code of the user's own as a text to calibrate and to measure with. It is read here and sent nowhere."""

from atlas.engine.corpus.sample import Corpus, collect

__all__ = ["Corpus", "collect"]
