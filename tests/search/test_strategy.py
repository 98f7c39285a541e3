import pytest

from atlas.errors import UsageError
from atlas.search.moves import MOVES
from atlas.search.strategy import STRATEGIES, Round, Step, Strategy, load


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_loads_by_its_name_and_names_moves_that_exist(name: str) -> None:
    strategy = load(name)
    assert strategy.name == name
    assert {step.move for round in strategy.plan() for step in round.steps} <= set(MOVES)


def test_parameters_can_be_overridden() -> None:
    assert load("best-of-n", n=3).rounds[0].steps[0].params == {"n": 3}
    assert len(list(load("full", rounds=5).plan())) == 7
    assert load("full", tokens=1000).max_generated_tokens == 1000
    assert load("full").max_generated_tokens is None


def test_rounds_repeat_in_order() -> None:
    a, b = Round((Step("a"),), repeat=2), Round((Step("b"),))
    assert list(Strategy("s", (a, b)).plan()) == [a, a, b]


def test_strategies_of_others_can_be_given() -> None:
    mine = Strategy("mine", ())
    assert load("mine", {"mine": lambda: mine}) is mine


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("nope", {}, "choose one of single, sampled, best-of-n, full"),
        ("single", {"n": 2}, "it has none"),
        ("best-of-n", {"m": 2}, "it has n, tokens"),
        ("best-of-n", {"n": 0}, "at least 1"),
        ("full", {"rounds": -1}, "at least 0"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, overrides: dict[str, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load(name, **overrides)
