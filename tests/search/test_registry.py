"""Moves of others: found by entry point, imported when a strategy names them, refused where they clash."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atlas.errors import UsageError
from atlas.search.registry import moves_for, plugins, used_plugins
from atlas.search.schedule import read
from atlas.search.strategy import Strategy

CODE = """
from __future__ import annotations
from typing import Annotated
from atlas.search.session import Session
from atlas.search.strategy import Range
print("imported")
async def echo(session, *, times: int = 1, word: str = ""): ...
async def bounded(session: Session, *, share: Annotated[float, Range(0.5, 2)] = 1.0): ...
async def checked(session: Unknown, *, times: int = 1): ...
async def needs(session, *, times: int): ...
def plain(session): ...
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on ``sys.path`` that distributions can be installed into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("echo_moves", "other_moves"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def install(site: Path, name: str, **moves: str) -> None:
    """What an installer leaves behind of a distribution: its module and its dist-info folder."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(CODE)
    about = site / f"{module}-2.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
    points = "".join(f"{move} = {module}:{function}\n" for move, function in moves.items())
    (about / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[atlas.moves]\n{points}")


def strategy(*steps: str) -> Strategy:
    """A strategy with these steps, read from TOML as a user's is."""
    body = "".join(f"[[rounds.steps]]\n{step}\n" for step in steps)
    return read(f'name = "mine"\n[[rounds]]\n{body}', "mine", {})


def test_a_move_of_an_installed_distribution_is_found_and_imported_late(site: Path, capsys: pytest.CaptureFixture[str]):
    install(site, "echo-moves", echo="echo", needs="needs")
    mine = strategy('move = "echo"\ntimes = 3', 'move = "draft"\nn = 1')
    assert capsys.readouterr().out == ""
    found = moves_for(mine)
    assert capsys.readouterr().out == "imported\n"
    assert found.keys() == {"echo", "draft"}
    assert found["echo"].__module__ == "echo_moves"
    assert used_plugins(mine) == {"echo": "echo-moves 2.1"}
    assert used_plugins(strategy('move = "draft"')) == {}


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('move = "echo"\nspeed = 1', "'echo' has no parameter 'speed'; it takes times, word"),
        ('move = "echo"\ntimes = "x"', "times of the move 'echo' must be of the kind int"),
        ('move = "echo"\nword = 1', "word of the move 'echo' must be of the kind str"),
        ('move = "bounded"\nshare = 0.25', "share of the move 'bounded' must not be below 0.5"),
        ('move = "bounded"\nshare = 3', "share of the move 'bounded' must not be above 2"),
        ('move = "checked"\ntimes = "x"', "times of the move 'checked' must be of the kind int"),
        ('move = "checked"\ntimes = -1', "times of the move 'checked' must not be below 0"),
        ('move = "needs"', "'needs' needs a value for 'times'"),
        ('move = "plain"', "is no async function"),
        ('move = "absent"', "can't be imported"),
    ],
)
def test_what_a_plug_in_cannot_do_is_said_when_it_is_imported(site: Path, step: str, said: str):
    names = ("echo", "bounded", "checked", "needs", "plain")
    install(site, "echo-moves", **{name: name for name in names}, absent="no_such_function")
    mine = strategy(step)
    with pytest.raises(UsageError, match=said):
        moves_for(mine)


def test_nobody_takes_the_name_of_one_of_our_own(site: Path):
    install(site, "echo-moves", draft="echo")
    with pytest.raises(UsageError, match=r"echo-moves 2\.1 calls a move 'draft', as one of ATLAS's own is"):
        plugins()


def test_two_plug_ins_with_one_name_are_refused(site: Path):
    install(site, "echo-moves", echo="echo")
    install(site, "other-moves", echo="echo")
    with pytest.raises(UsageError, match="call a move 'echo'"):
        strategy('move = "echo"')


def test_without_plug_ins_there_are_only_our_own():
    assert plugins() == {}
    with pytest.raises(UsageError, match="unknown move 'echo'; there are draft"):
        strategy('move = "echo"')
