"""What a run's progress says, from events written by hand."""

from __future__ import annotations

import io

from rich.console import Console

from atlas.bench.events import Event
from atlas.cli.pace import Pace
from atlas.cli.watch_run import RunWatch


def solved(arm: str, done: int, seed: int = 0) -> Event:
    return Event("solved", arm=arm, seed=seed, done=done, total=4)


def test_the_pace_of_each_arm_says_what_is_left():
    pace = Pace()
    pace(Event("phase", "solving", total=16))
    assert pace.words() == ""
    pace(solved("quick", 4))
    assert pace.seconds_left is None
    pace(Event("pace", arm="quick", tokens=100, seconds=2.0, joules=500.0))
    assert pace.seconds_left == 12 * 0.5  # the other arm is not known yet
    pace(solved("slow", 2))
    pace(Event("pace", arm="slow", tokens=300, seconds=8.0, joules=1500.0))
    # Two more of slow at 4 s, and 8 attempts of seeds that have not begun at the mean of 0.5 and 4 s.
    assert pace.seconds_left == 2 * 4 + 8 * 2.25
    assert pace.words() == "40 tokens/s, 2.0 kJ, about 26 s left"
    for arm, seed in (("quick", 0), ("slow", 0), ("quick", 1), ("slow", 1)):
        pace(solved(arm, 4, seed))
    assert pace.words() == "40 tokens/s, 2.0 kJ"


def test_tokens_a_second_are_those_of_late():
    pace = Pace()
    for tokens in (10_000, *[50] * 6):
        pace(Event("pace", arm="a", tokens=tokens, seconds=5.0))
    assert pace.tokens_per_s == 10


def test_a_log_has_quarters_and_says_nothing_twice():
    told = io.StringIO()
    watch = RunWatch(Console(file=told, width=200), None)
    watch(Event("phase", "solving", total=8))
    for done in range(1, 5):
        watch(solved("only", done))
        watch(Event("pace", arm="only", tokens=5, seconds=1.0))
    watch(Event("standing", "50.0% right (15.0 to 85.0)", arm="only", done=2, total=4))
    lines = told.getvalue().splitlines()
    assert [line for line in lines if line.startswith("all")] == [
        "all: 2 of 8, 5 tokens/s, about 3 s left",
        "all: 4 of 8, 5 tokens/s, about 3 s left",
    ]
    assert lines[-1] == "only, so far: 2 of 4, 50.0% right (15.0 to 85.0)"
