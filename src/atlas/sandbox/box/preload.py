"""What programs import most, for the nursery to load once for all zygotes.

They are loaded before any other module of ours: what a process does on its way to a program then lies together
in memory, and what programs may never use lies elsewhere, on pages that no process has to copy.
"""

from __future__ import annotations

import importlib

_MODULES = """
abc array ast base64 bisect calendar cmath collections collections.abc contextlib copy copyreg csv
dataclasses datetime decimal enum fractions functools gc hashlib heapq inspect io itertools json keyword
linecache locale math numbers operator os os.path pprint queue random re reprlib select signal socket
statistics string struct sys tempfile textwrap threading time timeit token tokenize traceback types typing
unicodedata unittest uuid warnings weakref zlib
""".split()


def load() -> None:
    """Import them."""
    for name in _MODULES:
        importlib.import_module(name)
