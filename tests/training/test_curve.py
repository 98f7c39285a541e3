"""The learning curve in the card counts no step twice."""

import json

from training.curve import curve


def entry(step: int, loss: float) -> str:
    return json.dumps({"step": step, "tokens": step * 1_000_000, "loss": loss})


def test_stretches_of_a_log():
    lines = ["3.9M parameters", entry(1, 4.0), entry(2, 3.0), entry(5, 1.0)]
    assert curve(lines, 4) == [(4, 3.5), (8, 1.0)]


def test_steps_trained_again_count_once():
    assert curve([entry(1, 4.0), entry(2, 9.0), entry(3, 9.0), entry(2, 2.0)], 4) == [(4, 3.0)]
