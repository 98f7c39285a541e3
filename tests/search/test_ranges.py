"""The ends of every parameter's range can be played: what a strategy may say ends in no error."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest
from search_script import DOUBLE, SQUARE, TWICE, ScriptedModel, drafts

from atlas.sandbox import Sandbox
from atlas.search.moves import MOVES
from atlas.search.schedule import read
from atlas.search.settings import Tools
from atlas.search.solver import solve
from atlas.search.strategy import Range
from atlas.store.tape import Tape

pytestmark = pytest.mark.asyncio(loop_scope="session")


def ends() -> list[tuple[str, str, int]]:
    """Every count of every move with its least and its most."""
    found: list[tuple[str, str, int]] = []
    for name, move in MOVES.items():
        for parameter in inspect.signature(move, eval_str=True).parameters.values():
            if type(parameter.default) is not int:
                continue
            bounds = next((note for note in get_args(parameter.annotation) if isinstance(note, Range)), Range())
            found += [(name, parameter.name, int(end)) for end in (bounds.least, bounds.most) if end is not None]
    return found


@pytest.mark.parametrize(("move", "name", "value"), ends())
async def test_the_ends_of_a_range_can_be_played(sandbox: Sandbox, move: str, name: str, value: int) -> None:
    step = '[[rounds.steps]]\nmove = "{}"\n'
    before = step.format("inputs") if move == "draft" else step.format("draft") + "n = 3\n"
    text = f'name = "mine"\n[[rounds]]\n{before}[[rounds]]\n{step.format(move)}{name} = {value}\n'
    model = ScriptedModel(drafts([SQUARE, TWICE], repair=lambda r, i: "", expected_outputs=lambda r, i: ""))
    with Tape.memory() as tape:
        solved = await solve(DOUBLE, read(text, "mine", {}), Tools(tape, model, sandbox))
    assert len(solved.rounds) == 2
