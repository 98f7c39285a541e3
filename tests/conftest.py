"""For all tests: Ctrl-C and a hang-up mean the same wherever the tests are started from."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A job in the background of a script is started with SIGINT ignored, one under nohup with SIGHUP, and children
    # inherit that. The tests that send these signals to a child would wait for ever.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
