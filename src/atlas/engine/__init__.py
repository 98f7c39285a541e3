"""The local inference stack: a model file is checked, run by llama.cpp in a child process, attached to."""

from atlas.engine.running import Engine, start

__all__ = ["Engine", "start"]
