"""Write a suite: split into its two stores, keys first, so that no half-written suite is ever visible."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from atlas.bench.home import SuitePaths
from atlas.bench.jsonl import lines_sha256
from atlas.bench.keys import Key, key_row, write_keys
from atlas.bench.suites.codec import problem_row
from atlas.bench.suites.store import describe, write_problems
from atlas.errors import UsageError
from atlas.problem import Problem


def install(
    paths: SuitePaths, pairs: Sequence[tuple[Problem, Key]], *, version: str, source: str, licence: str
) -> None:
    """Write the problems and the keys of ``pairs`` apart. A suite that is there already may only be written anew.

    Raises:
        UsageError: no problem, an id twice, a key of another problem, another suite of that name, or a file that
            can't be written.
    """
    if not pairs:
        raise UsageError(f"There is no problem to put into the suite {paths.name!r}.")
    ids = [problem.id for problem, _ in pairs]
    if len(set(ids)) != len(ids):
        raise UsageError(f"Two problems of the suite {paths.name!r} have the same id.")
    if stray := [p.id for p, key in pairs if key.problem_id != p.id]:
        raise UsageError(f"The key beside the problem {stray[0]!r} belongs to another problem.")
    problems, keys = tuple(problem for problem, _ in pairs), tuple(key for _, key in pairs)
    if (paths.problems / "suite.json").is_file():
        about = describe(paths.problems)
        digests = lines_sha256(map(problem_row, problems)), lines_sha256(map(key_row, keys))
        if digests != (about.problems_sha256, about.keys_sha256):
            raise UsageError(
                f"There is another suite {paths.name!r} ({about.problems} problems, {about.source}): "
                "choose another name, or --force to replace it."
            )
    try:
        digest = write_keys(paths.keys, keys)
        write_problems(paths, problems, version=version, source=source, licence=licence, keys_sha256=digest)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from None


@contextmanager
def replacing(paths: SuitePaths) -> Generator[None]:
    """Put a suite of this name aside while another one is written; it comes back if that fails.

    Raises:
        UsageError: it can't be put aside.
    """
    stores = [(store, store.with_name(f".{store.name}.replaced")) for store in (paths.problems, paths.keys)]
    try:
        for store, aside in stores:
            shutil.rmtree(aside, ignore_errors=True)
            if store.is_dir():
                store.rename(aside)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be replaced: {error.strerror}.") from None
    try:
        yield
    except BaseException:
        for store, aside in stores:
            if aside.is_dir():
                shutil.rmtree(store, ignore_errors=True)
                aside.rename(store)
        raise
    for _, aside in stores:
        shutil.rmtree(aside, ignore_errors=True)
