"""The Hugging Face hub, as far as fetching a model file goes: what a repository holds, and where each file is.

Its environment variables mean what they mean elsewhere: ``HF_ENDPOINT``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``. The
hub's own client is not used: since version 1 it deletes what an interrupted download had fetched (its pull request
4228), and models are gigabytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field, ValidationError

from atlas.errors import UsageError

if TYPE_CHECKING:
    import httpx

_ENDPOINT = "https://huggingface.co"
_MOST_BYTES = 1 << 25
"""Of a repository's description; thousands of files are a few megabytes."""
_REPOSITORY = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}\Z")
_FILE = re.compile(r"(?:[\w+-][\w.+-]{0,200}/){0,3}[\w+-][\w.+-]{0,200}\.gguf\Z")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\Z")
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Hub:
    """Where the hub is, and what is said to it."""

    endpoint: str = _ENDPOINT
    token: str | None = field(default=None, repr=False)
    offline: bool = False

    def headers(self) -> dict[str, str]:
        """For a request to the endpoint; httpx drops the token where a redirect leads to another host."""
        said = {"User-Agent": "atlas-solver", "Accept-Encoding": "identity"}
        return said | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository: ``size`` in bytes, and what its content must hash to."""

    name: str
    size: int
    sha256: str
    url: str


class _Stored(BaseModel):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class _Sibling(BaseModel):
    rfilename: str
    lfs: _Stored | None = None


class _Repository(BaseModel):
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    siblings: list[_Sibling] = []


def hub_from_environment() -> Hub:
    """The hub as the environment names it.

    Raises:
        UsageError: ``HF_ENDPOINT`` is no address.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or _ENDPOINT
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("HF_ENDPOINT is no address of a server: it begins with http:// or https://.")
    offline = os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")
    return Hub(endpoint, os.environ.get("HF_TOKEN") or None, offline)


def gguf_files(client: httpx.Client, hub: Hub, repository: str) -> tuple[HubFile, ...]:
    """The GGUF files of a repository, at its newest revision.

    Raises:
        UsageError: there is no such repository, it is closed to this user, or the hub does not answer sensibly.
    """
    if not _REPOSITORY.match(repository):
        raise UsageError(f"{repository[:80]!r} names no repository; write it like owner/name.")
    if hub.offline:
        raise UsageError("HF_HUB_OFFLINE is set: unset it to download a model.")
    found = _described(client, hub, repository)
    return tuple(
        HubFile(
            entry.rfilename,
            entry.lfs.size,
            entry.lfs.sha256,
            f"{hub.endpoint}/{repository}/resolve/{found.sha}/{quote(entry.rfilename)}",
        )
        for entry in found.siblings
        if entry.lfs is not None and _FILE.match(entry.rfilename) and ".." not in entry.rfilename
    )


def choose(files: Sequence[HubFile], repository: str, quantization: str) -> tuple[HubFile, ...]:
    """The file of that quantization, or all parts of it in order.

    Raises:
        UsageError: there is none, there are several, or a part is missing.
    """
    pattern = re.compile(rf"(?:^|[-._/]){re.escape(quantization)}(?:[-.]|$)", re.IGNORECASE)
    models = [file for file in files if "mmproj" not in file.name.lower()]
    named = sorted((f for f in models if pattern.search(f.name.removesuffix(".gguf"))), key=lambda f: f.name)
    whole = [file for file in named if not _part(file)]
    if len(whole) == 1:
        return (whole[0],)
    if not named or len(whole) > 1:
        said = ", ".join(sorted({file.name.rpartition("/")[2] for file in (named or models)})[:40]) or "none"
        what = "several files" if named else "no file"
        raise UsageError(f"{repository} has {what} for {quantization} (GGUF files there: {said}).")
    parts = [part for file in named if (part := _part(file)) is not None]
    if parts != [(i, len(named)) for i in range(1, len(named) + 1)]:
        raise UsageError(f"{repository} does not hold all parts of {quantization}.")
    return tuple(named)


def _part(file: HubFile) -> tuple[int, int] | None:
    found = _PART.search(file.name.removesuffix(".gguf"))
    return (int(found[1]), int(found[2])) if found else None


def _described(client: httpx.Client, hub: Hub, repository: str) -> _Repository:
    import httpx  # noqa: PLC0415  (only where something is fetched)

    url = f"{hub.endpoint}/api/models/{repository}?blobs=true"
    data = bytearray()
    try:
        with client.stream("GET", url, headers=hub.headers(), timeout=_TIMEOUT_S) as reply:
            raise_for_status(reply, repository)
            for chunk in reply.iter_bytes():
                data += chunk
                if len(data) > _MOST_BYTES:
                    raise UsageError(f"The hub's description of {repository} is absurdly long.")
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise UsageError(
            f"The hub at {hub.endpoint} does not answer ({type(e).__name__}): check the network."
        ) from None
    try:
        return _Repository.model_validate_json(bytes(data))
    except ValidationError:
        raise UsageError(f"The hub at {hub.endpoint} describes {repository} in a way that is not understood.") from None


def raise_for_status(reply: Any, what: str) -> None:
    """Turn a refusal into a sentence.

    Raises:
        UsageError: the status is no success.
    """
    status: int = reply.status_code
    if status in (401, 403):
        raise UsageError(f"{what} is closed or does not exist: accept its terms on the hub and set HF_TOKEN.")
    if status == 404:
        raise UsageError(f"The hub has no {what}.")
    if status not in (200, 206):
        raise UsageError(f"The hub refuses {what} (HTTP status {status}): try again later.")
