"""A file on a web server that is read piece by piece, by HTTP range requests (RFC 9110, section 14).

A model's header is a few megabytes at the head of many gigabytes; only what is asked for is fetched.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from atlas.errors import UsageError

if TYPE_CHECKING:
    import httpx

_PIECE = 1 << 20
_MOST_BYTES = 1 << 27
"""What is fetched of one file at most: a header with the longest tokenizer known is a tenth of this."""
_TIMEOUT_S = 30.0
_CONTENT_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20})\Z")


class RemoteFile:
    """Read-only and seekable, as far as ``read_header`` needs it. ``size`` is the whole file's, in bytes.

    Raises:
        UsageError: the server does not answer, refuses, does not do ranges, or sends something else than asked for.
    """

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = url
        self._at = 0
        self._fetched = 0
        self._pieces: dict[int, bytes] = {}
        self.size = 0
        self._pieces[0] = self._fetch(0)

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes from the current place; fewer at the end of the file."""
        end = min(self._at + count, self.size)
        parts: list[bytes] = []
        while self._at < end:
            number, offset = divmod(self._at, _PIECE)
            if number not in self._pieces:
                self._pieces = {number: self._fetch(number)}  # headers are read forward: one piece is enough
            part = self._pieces[number][offset : offset + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def tell(self) -> int:
        """The current place."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; the new place."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def _fetch(self, number: int) -> bytes:
        """One piece, exactly as long as it must be."""
        import httpx  # noqa: PLC0415  (only where something is fetched)

        first = number * _PIECE
        if self._fetched >= _MOST_BYTES:
            raise UsageError(f"The header of {self._url} is longer than {_MOST_BYTES >> 20} MiB: is it a GGUF model?")
        try:
            with self._client.stream(
                "GET", self._url, headers={"Range": f"bytes={first}-{first + _PIECE - 1}"}, timeout=_TIMEOUT_S
            ) as reply:
                length = self._check(reply, first)
                data = bytearray()
                for chunk in reply.iter_raw():
                    data += chunk
                    if len(data) > length:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise UsageError(f"{self._url} cannot be read ({type(e).__name__}): check the address.") from None
        if len(data) != length:
            raise UsageError(f"{self._url} sent {len(data)} bytes where {length} were due: try again.")
        self._fetched += length
        return bytes(data)

    def _check(self, reply: Any, first: int) -> int:
        """Bytes that the body must have."""
        if reply.status_code == 200:
            raise UsageError(f"The server of {self._url} sends whole files only: download it first.")
        if reply.status_code != 206:
            raise UsageError(f"{self._url} cannot be read (HTTP status {reply.status_code}): check the address.")
        found = _CONTENT_RANGE.match(reply.headers.get("content-range", ""))
        if found is None or reply.headers.get("content-encoding", "identity") != "identity":
            raise UsageError(f"The server of {self._url} answers a range request with something else.")
        start, last, size = map(int, found.groups())
        if start != first or last != min(first + _PIECE, size) - 1 or (self.size and size != self.size):
            raise UsageError(f"The server of {self._url} answers a range request with something else.")
        self.size = size
        return last - start + 1
