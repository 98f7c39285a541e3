"""Outcomes as a model is told them."""

from atlas.problem import Call, Stdin
from atlas.sandbox.types import Observation, Status
from atlas.search.outputs import shown


def test_what_a_model_is_told_is_bounded_and_never_fails() -> None:
    call = Call((1,))
    assert shown(call, Observation(Status.OK, value=[1, "a"])) == "[1, 'a']"
    assert shown(call, Observation(Status.OK, value="x" * 1000)).endswith(" ...")
    assert "digits" in shown(call, Observation(Status.OK, value=[10**5000]))
    assert shown(Stdin("1"), Observation(Status.OK, stdout="2\n")) == "2\n"
    assert shown(call, Observation(Status.EXCEPTION, error="ValueError: no")) == "ValueError: no"
    assert shown(call, Observation(Status.CPU_LIMIT)) == "no result (cpu limit)"
