"""Compiling in the box: once for each program, compiler and flags; what was made is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, OrderedDict
from dataclasses import dataclass

from atlas.errors import SandboxError
from atlas.sandbox.box import bundle
from atlas.sandbox.compile_cache import CompileCache
from atlas.sandbox.exec_job import COMPILE_SCRATCH_BYTES, ExecJob, Execution
from atlas.sandbox.exec_worker import ExecPool, ExecWorker
from atlas.sandbox.toolchains import Toolchain
from atlas.sandbox.types import Limits, Observation, Status

_PAYS_AFTER = 4
"""Programs that could use a precompiled header before it is made: it costs as much as it saves them."""
_REJECTIONS = 1024
_ERROR_CHARS = 500
_VERSION_LIMITS = Limits(cpu_s=10.0, wall_s=60.0, memory_mb=1024, processes=32)
_HEADER_BYTES = 400 << 20

Kit = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A bundle of what is to be run, or why there is none: an observation with NO_LOAD."""

    bundle: bytes = b""
    rejection: Observation | None = None


def command(toolchain: Toolchain, template: tuple[str, ...], file: str, limits: Limits) -> tuple[str, ...]:
    """Fill in a command of the table: the tool's path, the source file's name, the memory limit."""
    # What the box fills in goes through as it is.
    values = {"scratch": "{scratch}", "kit": "{kit}", "memory": limits.memory_mb}
    values |= {"file": file, "main": file.rpartition(".")[0]}
    tool, *arguments = template
    return (toolchain.tools.get(tool, tool), *(argument.format_map(values) for argument in arguments))


def environment(toolchain: Toolchain) -> dict[str, str]:
    """Return the whole environment of a toolchain's processes and programs."""
    common = {"HOME": "{scratch}", "TMPDIR": "{scratch}", "LANG": "C.UTF-8", "PATH": toolchain.search_path()}
    return {**common, **dict(toolchain.language.environment)}


class Compiler:
    """Compiles with the workers of ``pool``; ``headers`` says that their boxes have a place for shared files."""

    def __init__(self, pool: ExecPool, cache: CompileCache, *, headers: bool) -> None:
        self._pool = pool
        self._cache = cache
        self._headers = headers
        self._versions: dict[str, str] = {}
        self._running: dict[str, asyncio.Task[Compiled]] = {}
        self._rejected: OrderedDict[str, Compiled] = OrderedDict()
        self._wanted: Counter[str] = Counter()
        self._given_up: set[str] = set()
        self._making = asyncio.Lock()

    async def compile(self, toolchain: Toolchain, code: str) -> Compiled:
        """Return the compiled program, from the cache if it is there.

        Raises:
            SandboxError: the box or the compiler itself does not work.
        """
        language = toolchain.language
        file = language.source(code)
        source = bundle.made([(file, code.encode("utf-8", "surrogatepass"))])
        if not language.compile:
            return Compiled(source)
        key = await self._key(toolchain, "program", language.compile, source)
        if (kept := self._cache.get(key)) is not None:
            return Compiled(kept)
        if key in self._rejected:
            self._rejected.move_to_end(key)
            return self._rejected[key]
        if key not in self._running:
            task = asyncio.create_task(self._compile(toolchain, code, file, source, key))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # Others may wait for it, too, so it goes on when one goes away.
        return await asyncio.shield(self._running[key])

    def _forget(self, key: str, done: asyncio.Task[Compiled]) -> None:
        del self._running[key]
        if not done.cancelled():
            done.exception()  # if nobody waits any more, nobody is told

    async def aclose(self) -> None:
        """End the compilations that run."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _compile(self, toolchain: Toolchain, code: str, file: str, source: bytes, key: str) -> Compiled:
        language = toolchain.language
        async with self._pool.worker(toolchain.shown) as worker:
            kit = await self._kit(worker, toolchain, code)
            job = _job(toolchain, language.compile, file, source, language.output, language.compile_limits)
            done = await worker.run(job, kit)
        if (made := _made(done)) is not None:
            self._cache.put(key, made)
            return Compiled(made)
        rejected = Compiled(rejection=_rejection(done))
        if done.seen.status is Status.EXCEPTION:  # whatever else ended it may hang on the moment
            self._rejected[key] = rejected
            while len(self._rejected) > _REJECTIONS:
                self._rejected.popitem(last=False)
        return rejected

    async def _key(self, toolchain: Toolchain, what: str, template: tuple[str, ...], source: bytes) -> str:
        language = toolchain.language
        if language.name not in self._versions:
            self._versions[language.name] = await self._version(toolchain)
        parts = [what, language.name, self._versions[language.name], dict(toolchain.tools), template]
        head = json.dumps([*parts, language.environment])
        return hashlib.sha256(head.encode() + b"\0" + source).hexdigest()

    async def _version(self, toolchain: Toolchain) -> str:
        language = toolchain.language
        tool = language.tools[0]
        argv = (toolchain.tools[tool], *language.version)
        job = ExecJob(argv, environment(toolchain), (), _VERSION_LIMITS, language.compiler)
        async with self._pool.worker(toolchain.shown) as worker:
            seen = (await worker.run(job)).seen
        if seen.status is not Status.OK:
            why = f"{seen.error or seen.status.value}: {seen.stderr.strip()[:200]}"
            raise SandboxError(f"{argv[0]} does not work in the sandbox ({why}).")
        return seen.stdout

    async def _kit(self, worker: ExecWorker, toolchain: Toolchain, code: str) -> Kit | None:
        """Return the precompiled header if it helps ``code`` and is there, or is worth making now."""
        header = toolchain.language.header
        if header is None or not self._headers or header.name not in code:
            return None
        source = bundle.made([("header.hpp", header.source.encode()), (f"{header.folder}/keep", b"")])
        key = await self._key(toolchain, "header", header.command, source)
        if (kept := self._cache.get(key)) is not None:
            return key, kept
        self._wanted[key] += 1
        if self._wanted[key] < _PAYS_AFTER or key in self._given_up or self._making.locked():
            return None
        async with self._making:
            limits = Limits(cpu_s=60.0, wall_s=600.0, memory_mb=2048, output_bytes=_HEADER_BYTES, processes=32)
            job = _job(toolchain, header.command, "header.hpp", source, header.folder.split("/")[0], limits)
            made = _made(await worker.run(job))
        if made is None:
            self._given_up.add(key)
            return None
        self._cache.put(key, made)
        return key, made


def _job(
    toolchain: Toolchain, template: tuple[str, ...], file: str, source: bytes, output: str, limits: Limits
) -> ExecJob:
    language = toolchain.language
    return ExecJob(
        argv=command(toolchain, template, file, limits),
        environment=environment(toolchain),
        bundles=(source,),
        limits=limits,
        runtime=language.compiler,
        collect=output,
        collect_bytes=limits.output_bytes,
        collect_anyway=language.tolerant,
        scratch=COMPILE_SCRATCH_BYTES,
        first_errors=True,
    )


def _made(done: Execution) -> bytes | None:
    """What was compiled; None if the compiler was stopped or fell, or if not all it made can be handed over."""
    by_itself = done.outcome.killed is None and done.outcome.exit >= 0
    return done.made if by_itself and not done.outcome.left_out else None


def _rejection(done: Execution) -> Observation:
    seen = done.seen
    said = seen.stderr.strip() or seen.stdout.strip()
    if seen.status not in {Status.EXCEPTION, Status.OK}:
        said = f"the compiler ended in {seen.status.value}: {seen.error} {said}"
    error = said[:_ERROR_CHARS] or "the compiler made nothing"
    return Observation(Status.NO_LOAD, stderr=seen.stderr, error=error, cpu_s=seen.cpu_s, wall_s=seen.wall_s)
