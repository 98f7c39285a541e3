"""Write a suite: split into its two stores, keys first, so that no half-written suite is ever visible."""

from __future__ import annotations

from collections.abc import Sequence

from atlas.bench.home import SuitePaths
from atlas.bench.keys import Key, write_keys
from atlas.bench.suites.store import write_problems
from atlas.errors import UsageError
from atlas.problem import Problem


def install(
    paths: SuitePaths, pairs: Sequence[tuple[Problem, Key]], *, version: str, source: str, licence: str
) -> None:
    """Write the problems and the keys of ``pairs`` apart.

    Raises:
        UsageError: no problem, an id twice, a key of another problem, or a file that can't be written.
    """
    if not pairs:
        raise UsageError(f"There is no problem to put into the suite {paths.name!r}.")
    ids = [problem.id for problem, _ in pairs]
    if len(set(ids)) != len(ids):
        raise UsageError(f"Two problems of the suite {paths.name!r} have the same id.")
    if stray := [p.id for p, key in pairs if key.problem_id != p.id]:
        raise UsageError(f"The key beside the problem {stray[0]!r} belongs to another problem.")
    problems = tuple(problem for problem, _ in pairs)
    try:
        digest = write_keys(paths.keys, tuple(key for _, key in pairs))
        write_problems(paths, problems, version=version, source=source, licence=licence, keys_sha256=digest)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from None
