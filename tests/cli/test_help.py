"""Every command has a help with an example, and none of them loads what it does not need for it."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from atlas_command import Atlas

from atlas.cli import cli

HEAVY = {"httpx", "jinja2", "numpy", "pydantic", "rich", "sqlite3", "xllamacpp"}

_SEEN = """
import json, sys
from atlas.cli import main
sys.argv = ["atlas", *sys.argv[1:]]
try:
    main()
finally:
    json.dump(sorted(sys.modules), sys.stderr)
"""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The words of every command there is, groups included."""
    context = click.Context(group)
    found = [path]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


COMMANDS = commands(cli)


def test_the_commands_there_are():
    assert {("demo",), ("solve",), ("bench",), ("fit",), ("models",), ("pull",)} <= set(COMMANDS)
    assert {("up",), ("ps",), ("logs",), ("down",)} <= set(COMMANDS)
    assert {path[1] for path in COMMANDS if len(path) == 2} == {
        "import", "make", "run", "resume", "show", "audit", "list", "replay", "rm", "compare", "export", "import-run",
        "power", "own", "prices", "meter", "build",
    }  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_an_example_and_loads_nothing_heavy(words: tuple[str, ...]):
    done = subprocess.run(
        [sys.executable, "-c", _SEEN, *words, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: atlas")
    example = done.stdout.partition("Example")[2]
    assert f"atlas {' '.join(words)}".strip() in " ".join(example.split())
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr)}
    assert not HEAVY & loaded


@pytest.mark.parametrize("words", [path for path in COMMANDS if path], ids=" ".join)
def test_options_say_what_they_do(words: tuple[str, ...]):
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    assert command.get_short_help_str()
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.required or option.show_default, option.name


def test_the_version(atlas: Atlas):
    from importlib.metadata import version

    ended = atlas.run("--version")
    assert ended.status == 0
    assert version("atlas-solver") in ended.out


def test_no_command_at_all_shows_the_help(atlas: Atlas):
    ended = atlas.run()
    assert ended.status == 2
    assert "solve" in ended.err
