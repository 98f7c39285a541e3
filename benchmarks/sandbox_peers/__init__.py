"""Systems that run a program on inputs and say whether it is right, one a file, measured by ``benchmarks/sandbox.py``.

Each runs in a process of its own (``host``), so that its CPU time can be told apart from everything else's. ``case``,
``host`` and the peers import the standard library only, besides what they measure: one of them runs under another
interpreter.
"""
