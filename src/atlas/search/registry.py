"""Which moves there are: ATLAS's own, and those that installed distributions offer as entry points.

A distribution offers a move by an entry point of the group ``atlas.moves``:

    [project.entry-points."atlas.moves"]
    my_move = "my_package.my_module:my_move"

Only names are looked up until a strategy uses one; in a benchmark the code is imported behind the wall.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, get_args, get_origin

from atlas.errors import UsageError
from atlas.search.moves import MOVES, Move
from atlas.search.strategy import Range, Strategy

GROUP = "atlas.moves"
_KINDS: Mapping[str, tuple[type, ...]] = {"int": (int,), "bool": (bool,), "str": (str,), "float": (float, int)}


def plugins() -> dict[str, EntryPoint]:
    """Entry points of other distributions by the name of their move; nothing is imported.

    Raises:
        UsageError: two moves have the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in MOVES:
            raise UsageError(f"The plug-in {_origin(point)} calls a move {point.name!r}, as one of ATLAS's own is.")
        # One distribution may be seen twice, as an installed one and a checkout of it.
        if (other := found.setdefault(point.name, point)).value != point.value:
            raise UsageError(f"Two plug-ins, {_origin(other)} and {_origin(point)}, call a move {point.name!r}.")
    return found


def moves_for(strategy: Strategy) -> dict[str, Move]:
    """The moves that a strategy names; plug-ins among them are imported now.

    Raises:
        UsageError: a move is unknown, can't be imported, or has no such parameter.
    """
    wanted = {step.move for round in strategy.rounds for step in round.steps}
    found: dict[str, Move] = {name: MOVES[name] for name in wanted if name in MOVES}
    if wanted - found.keys():
        known = plugins()
        found |= {name: _imported(known[name]) for name in wanted - found.keys() if name in known}
    for step in (step for round in strategy.rounds for step in round.steps):
        if step.move not in found:
            raise UsageError(_unknown(step.move, f"The strategy {strategy.name!r}"))
        _check_params(found[step.move], step.move, step.params, f"The strategy {strategy.name!r}")
    return found


def check_step(move: str, params: Mapping[str, Any], place: str) -> None:
    """Refuse a step that can't be played. A plug-in's parameters are looked at when it is imported.

    Raises:
        UsageError: a move that nobody offers, or a parameter that it does not take.
    """
    if move in MOVES:
        _check_params(MOVES[move], move, params, place)
    elif move not in plugins():
        raise UsageError(_unknown(move, place))


def used_plugins(strategy: Strategy) -> dict[str, str]:
    """Move -> the distribution and version behind it, for the plug-ins that a strategy names."""
    wanted = {step.move for round in strategy.rounds for step in round.steps} - MOVES.keys()
    if not wanted:
        return {}
    return {name: _origin(point) for name, point in sorted(plugins().items()) if name in wanted}


def _imported(point: EntryPoint) -> Move:
    try:
        move = point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"The plug-in {_origin(point)} can't be imported ({error}).") from None
    if not inspect.iscoroutinefunction(move):
        raise UsageError(f"The plug-in {_origin(point)} is no move: {point.value} is no async function.")
    return move


def _check_params(move: Move, name: str, params: Mapping[str, Any], place: str) -> None:
    taken = [p for p in _signature(move).parameters.values() if p.kind is p.KEYWORD_ONLY]
    by_name = {p.name: p for p in taken}
    for key, value in params.items():
        if key not in by_name:
            choices = f"takes {', '.join(by_name)}" if by_name else "takes none"
            raise UsageError(f"{place}: the move {name!r} has no parameter {key!r}; it {choices}.")
        _check_value(by_name[key].annotation, value, f"{place}: {key} of the move {name!r}")
    if missing := [p.name for p in taken if p.default is p.empty and p.name not in params]:
        raise UsageError(f"{place}: the move {name!r} needs a value for {missing[0]!r}.")


def _signature(move: Move) -> inspect.Signature:
    """With annotations as objects; as text where a plug-in imports names for its type checker alone."""
    try:
        return inspect.signature(move, eval_str=True)
    except NameError:
        return inspect.signature(move)


def _check_value(annotation: Any, value: Any, what: str) -> None:
    """Refuse a value of another kind than annotated, or outside its :class:`atlas.search.strategy.Range`."""
    notes: list[object] = []
    if get_origin(annotation) is Annotated:
        annotation, *notes = get_args(annotation)
    kinds = _KINDS.get(annotation if isinstance(annotation, str) else getattr(annotation, "__name__", ""))
    # True is an int to Python, and no count.
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        raise UsageError(f"{what} must be of the kind {kinds[0].__name__}, not {value!r}.")
    if isinstance(value, int | float):
        bounds = next((note for note in notes if isinstance(note, Range)), Range())
        if value < bounds.least:
            raise UsageError(f"{what} must not be below {bounds.least}.")
        if bounds.most is not None and value > bounds.most:
            raise UsageError(f"{what} must not be above {bounds.most}.")


def _unknown(move: str, place: str) -> str:
    return f"{place} names an unknown move {move!r}; there are {', '.join((*MOVES, *plugins()))}."


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
