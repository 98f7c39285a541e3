"""For all tests: Ctrl-C means the same wherever the tests are started from."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A job in the background of a script is started with SIGINT ignored, and its children inherit that. The tests
    # that interrupt a child would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
