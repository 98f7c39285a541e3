"""The tier ``bubblewrap``: ``bwrap`` makes the box, for users who may not make namespaces but may have it do so.

``bwrap`` executes a fresh interpreter in new namespaces and a root that shows the same files as the other tiers', and
that interpreter becomes the zygote. It holds no right that its user has not: it can mount nothing, so one scratch
folder serves all executions and is emptied between them. Started by root, ``bwrap`` makes no user namespace: programs
run as a user that nothing else runs under, and the zygote keeps what it takes to become that user and to clean up
behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any, NoReturn

from atlas.compare import codec
from atlas.sandbox.box import exec_layout, exec_zygote, inside, kernel, landlock, scratch, warm, wire, zygote
from atlas.sandbox.box.cgroup import Bound
from atlas.sandbox.box.exec_layout import ExecLayout
from atlas.sandbox.box.layout import Layout
from atlas.sandbox.box.process import private_uid

_FOLDERS = ("/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin", "/run/current-system/sw/bin")
"""Where a program may lie that is to confine others: folders that only root can write to."""
_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
_ROOT_KEEPS = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE")
_INNER_UID = "1000"
_PT_INTERP = 3
_EXEC_SCRATCH_BYTES, _KIT_BYTES = 512 << 20, 512 << 20


def enter(
    sock: socket.socket,
    layout: Layout,
    number: int,
    shown: list[str] | None,
    bound: Bound | None,
    environment: Mapping[str, str],
) -> NoReturn:
    """Become a zygote in a box that ``bwrap`` makes; with ``shown`` one for executables whose box shows those paths.

    Raises:
        OSError: there is no ``bwrap``. What ``bwrap`` itself objects to is on standard error.
    """
    program = shutil.which("bwrap", path=":".join(_FOLDERS))
    if program is None:
        raise OSError("bubblewrap is not installed")
    if shown is not None:
        layout = replace(layout, packages=(), preload=())
    uid = private_uid(number) if os.geteuid() == 0 else None
    proc = os.open("/proc", os.O_PATH)
    group = [bound.limit, bound.events] if bound else []
    told = {"modules": _modules(), "sock": sock.fileno(), "proc": proc, "group": group, "uid": uid}
    told |= {"layout": asdict(layout), "shown": shown}
    with open(os.memfd_create("told", 0), "w+", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        for fd in (file.fileno(), sock.fileno(), proc, *group):
            os.set_inheritable(fd, True)
        # As this interpreter was started; its flags stand before the first program text.
        flags = sys.orig_argv[1 : sys.orig_argv.index("-c")]
        box = [*_identity(uid), *(_python(layout) if shown is None else _executables(layout, shown, uid))]
        command = [_interpreter(), *flags, "-c", _text(inside.__file__), str(file.fileno())]
        os.execve(program, [program, *box, "--remount-ro", "/", "--chdir", "/", "--", *command], dict(environment))


def _modules() -> dict[str, tuple[str, str]]:
    """Return path and source of the modules that a zygote consists of; the packages around them are empty there."""
    folder = os.path.dirname(inside.__file__)
    names = [name.removesuffix(".py") for name in os.listdir(folder) if name.endswith(".py")]
    paths = {f"{inside.PACKAGES[-1]}.{name}": f"{folder}/{name}.py" for name in names}
    found = {name: (path, _text(path)) for name, path in (paths | {codec.__name__: codec.__file__}).items()}
    return found | dict.fromkeys(inside.PACKAGES, ("", ""))


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _interpreter() -> str:
    return os.path.realpath(sys.executable)


def _identity(uid: int | None) -> list[str]:
    """Return the options that say which namespaces there are, and who runs in them with what rights."""
    options = [*_NAMESPACES, "--hostname", "sandbox", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"]
    if uid is None:
        return [*options, "--unshare-user", "--uid", _INNER_UID, "--gid", _INNER_UID]
    return [*options, *(word for name in _ROOT_KEEPS for word in ("--cap-add", name))]


def _python(layout: Layout) -> Iterator[str]:
    """Yield the options for the tree of ``namespaces.enter``, and the interpreter."""
    interpreter = _interpreter()
    yield from _bound([*layout.folders(), *layout.files(), interpreter])
    yield from _covered(layout.hidden())
    for link in filter(os.path.islink, ("/lib", "/lib64")):
        yield from ("--symlink", os.readlink(link), link)
    loader = _loader(interpreter)
    place = f"{os.path.realpath(os.path.dirname(loader))}/{os.path.basename(loader)}"
    if not any(place.startswith(folder + "/") for folder in layout.folders()):
        yield from ("--ro-bind", os.path.realpath(loader), place)
    yield from _tmpfs(layout.scratch(), scratch.BYTES, "1777")


def _executables(layout: Layout, shown: list[str], uid: int | None) -> Iterator[str]:
    """Yield the options for the tree of ``exec_namespaces.build_root``; the interpreter's own library is beside it."""
    system = ExecLayout(tuple(shown))
    yield from _bound([*system.paths(), *exec_layout.DEVICES, *layout.folders(), _interpreter()])
    yield from _covered({*system.hidden(), *layout.hidden()})
    for link in system.links():
        yield from ("--symlink", os.readlink(link), link)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield from ("--symlink", f"/proc/self/fd/{number}", f"/dev/{name}")
    yield from ("--symlink", "/proc/self/fd", "/dev/fd")
    yield from _tmpfs(exec_layout.SCRATCH, _EXEC_SCRATCH_BYTES, "1777")
    if uid is not None or landlock.version():  # else programs could change what they share
        yield from _tmpfs(exec_layout.KIT, _KIT_BYTES, "0755")
    yield from ("--proc", exec_layout.PROC)
    if not any(path.startswith("/tmp/") for path in (*system.paths(), *layout.folders())):
        yield from ("--symlink", exec_layout.SCRATCH, "/tmp")


def _bound(paths: Iterable[str]) -> Iterator[str]:
    """Yield the options that show ``paths`` read-only, none twice, in folders that everybody may pass."""
    every = sorted({*paths})
    wanted = [path for path in every if not any(path.startswith(other + "/") for other in every)]
    for folder in sorted({str(parent) for path in wanted for parent in PurePosixPath(path).parents} - {"/"}):
        yield from ("--perms", "0755", "--dir", folder)
    for path in wanted:
        # A device on a mount without devices cannot be opened.
        yield from ("--dev-bind" if path.startswith("/dev/") else "--ro-bind", path, path)


def _covered(folders: Iterable[str]) -> Iterator[str]:
    for folder in sorted(folders):
        yield from _tmpfs(folder, 4096, "0555")


def _tmpfs(path: str, size: int, mode: str) -> Iterator[str]:
    yield from ("--size", str(size), "--perms", mode, "--tmpfs", path)


def _loader(program: str) -> str:
    """Return the path that an ELF file of 64 bits names its loader by (PT_INTERP, elf(5)).

    Raises:
        OSError: it is no such file, or needs no loader.
    """
    with open(program, "rb") as file:
        head = file.read(64)
        if head[:5] == b"\x7fELF\x02":
            (table,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
            for place in range(table, table + size * count, size):
                kind, start, length = struct.unpack("<I4xQ16xQ", os.pread(file.fileno(), 40, place))
                if kind == _PT_INTERP:
                    return os.fsdecode(os.pread(file.fileno(), length, start).rstrip(b"\0"))
    raise OSError(f"{program} names no loader")


def serve(
    sock: int, proc: int, group: list[int], uid: int | None, layout: dict[str, Any], shown: list[str] | None
) -> None:
    """Serve as ``enter`` was asked to, inside."""
    kernel.die_with_parent(0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # else programs could send it to pid 1
    warm.up()
    warm.keep()
    judge, bound = socket.socket(fileno=sock), Bound(*group) if group else None
    try:
        if shown is None:
            library = Layout(**{name: tuple(paths) for name, paths in layout.items()})
            work = zygote.prepared_in_bubblewrap(judge, library, uid, proc, bound)
        else:
            work = exec_zygote.prepared_in_bubblewrap(judge, ExecLayout(tuple(shown)), uid, proc, bound)
    except OSError as error:
        wire.send(judge, {"error": str(error)})
    else:
        work()
