"""Fetch one large file: resumed where it stopped, checked against its hash, never half under its own name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from atlas.engine.hub import Hub, HubFile, raise_for_status
from atlas.engine.model_cache import PARTIAL
from atlas.errors import UsageError

if TYPE_CHECKING:
    import httpx

Told = Callable[[int], None]
"""Told how many bytes of the file are there."""

_PIECE = 1 << 20
_TRIES = 5
"""Breaks in a row, without a byte between them, after which it is given up."""
_PAUSE_S = 0.5
_TIMEOUT_S = 30.0
_SPARE = 64 << 20
"""Bytes of disk that are left to others."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,20})-\d{1,20}/(\d{1,20})\Z")


def download(client: httpx.Client, hub: Hub, file: HubFile, target: Path, told: Told = lambda _: None) -> Path:
    """Fetch ``file`` to ``target``, going on where an earlier try ended; ``target`` again.

    What has arrived stays beside it for the next try, unless it turns out to be wrong.

    Raises:
        UsageError: the hub refuses or stops answering, the disk is too small, the content is not what was
            announced, or another process is fetching it.
    """
    if target.is_file() and target.stat().st_size == file.size:
        told(file.size)
        return target
    _check_space(target.parent, file)
    path = target.with_name(target.name + PARTIAL)
    with _opened(path) as part:
        digest = hashlib.sha256()
        have = _hash(part, digest, file.size)
        told(have)
        if have < file.size:
            _fetch(client, hub, file, part, digest, have, told)
        if digest.hexdigest() != file.sha256:
            path.unlink()
            raise UsageError(f"What was fetched as {file.name} does not have the hash that the hub names: try again.")
        part.flush()
        os.fsync(part.fileno())
        path.replace(target)
    return target


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    """The part of a file that is there, locked against a second download; an empty one does not stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644), "r+b") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"{path.name} is being downloaded by another process.") from None
        try:
            yield part
        finally:
            part.flush()
            if not os.fstat(part.fileno()).st_size:
                path.unlink(missing_ok=True)


def _check_space(folder: Path, file: HubFile) -> None:
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free, path = shutil.disk_usage(place).free, folder / (Path(file.name).name + PARTIAL)
    missing = file.size - (path.stat().st_size if path.exists() else 0)
    if missing + _SPARE > free:
        raise UsageError(
            f"{file.name} needs {missing / 1e9:.2f} GB more and {place} has {free / 1e9:.2f} GB free: "
            "remove a model (`atlas models rm`) or set ATLAS_HOME to a folder on a larger disk."
        )


def _hash(part: BinaryIO, digest: Any, most: int) -> int:
    """Hash what is there and stand behind it; its bytes. A part that is longer than the file begins anew."""
    if os.fstat(part.fileno()).st_size > most:
        part.truncate(0)
    have = 0
    while data := part.read(_PIECE):
        digest.update(data)
        have += len(data)
    return have


def _fetch(client: httpx.Client, hub: Hub, file: HubFile, part: BinaryIO, digest: Any, have: int, told: Told) -> None:
    """Fetch what is behind the first ``have`` bytes, going on after a break."""
    import httpx  # noqa: PLC0415  (only where something is fetched)

    tries_left = _TRIES
    while True:
        before = have
        try:
            headers = hub.headers() | {"Range": f"bytes={have}-"}
            with client.stream("GET", file.url, headers=headers, timeout=_TIMEOUT_S, follow_redirects=True) as reply:
                _check_reply(reply, file, have)
                for data in reply.iter_raw(_PIECE):
                    if have + len(data) > file.size:
                        raise UsageError(f"The hub sends more of {file.name} than it announced: try again later.")
                    part.write(data)
                    digest.update(data)
                    have += len(data)
                    told(have)
            if have == file.size:
                return
            problem = "the connection ended"
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            problem = type(e).__name__
        tries_left = _TRIES if have > before else tries_left - 1
        if not tries_left:
            raise UsageError(
                f"{file.name} stopped after {have} of {file.size} bytes ({problem}): "
                "the same command goes on from there."
            )
        time.sleep(_PAUSE_S)


def _check_reply(reply: Any, file: HubFile, have: int) -> None:
    raise_for_status(reply, file.name)
    if reply.headers.get("content-encoding", "identity") != "identity":
        raise UsageError(f"The hub sends {file.name} in an encoding that was not asked for: try again later.")
    found = _CONTENT_RANGE.match(reply.headers.get("content-range", ""))
    if reply.status_code == 206 and found and (int(found[1]), int(found[2])) == (have, file.size):
        return
    # A whole file where the rest was asked for would be written behind what is there.
    if reply.status_code == 206 or have:
        raise UsageError(
            f"The hub does not go on with {file.name} where it stopped: `atlas models rm` it and try again."
        )
