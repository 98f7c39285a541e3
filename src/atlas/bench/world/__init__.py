"""A small world of programming problems: pipelines of primitive steps over integers, text and lists.

It is the world that the shipped model was trained on and that the shipped suite is drawn from. A *composition*
is the sequence of a pipeline's step names. One fifth of all compositions is held out by a hash of that sequence:
no training sample asks for one, and the suite's maker draws from nothing else.
"""
