"""System calls that the standard library does not wrap, by ctypes; x86-64 and aarch64 Linux."""

from __future__ import annotations

import ctypes
import os
import platform

# glibc has wrappers for these on both architectures; the rest goes through syscall(2) by number.
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
# Holds the interpreter's lock through a call: a forked child has to have it.
_libc_locked = ctypes.PyDLL(None, use_errno=True)
# Without errno a call touches a third of the memory: a fresh process copies every page of it. What failed is called
# again with errno, to learn the reason.
_quick = ctypes.PyDLL(None)
_quick.prctl.argtypes = _libc.prctl.argtypes
_quick_syscall = _quick["syscall"]
_quick_syscall.restype = ctypes.c_long
_quick_syscall.argtypes = (ctypes.c_long,) * 4

AARCH64 = platform.machine() == "aarch64"
SUPPORTED = platform.machine() in {"x86_64", "aarch64"}

_SYS_CAPSET = 91 if AARCH64 else 126
_SYS_PIVOT_ROOT = 41 if AARCH64 else 155
_SYS_CLOSE_RANGE = 436
_SYS_MOUNT_SETATTR = 442

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_KEEPCAPS = 8
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100
_CAPABILITY_VERSION_3 = 0x20080522

CAP_DAC_READ_SEARCH = 1 << 2


def checked(what: str, result: int) -> int:
    """Return ``result``, or raise the OSError of a failed call, named ``what``."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def syscall(what: str, number: int, *arguments: object) -> int:
    """Call the kernel by number.

    Raises:
        OSError: the call failed; the message begins with ``what``.
    """
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(what, _libc.syscall(ctypes.c_long(number), *wide))


def plain_syscall(what: str, number: int, a: int = 0, b: int = 0, c: int = 0) -> None:
    """Call the kernel by number with integers only: on far fewer pages of memory than ``syscall`` takes. The call must
    be one that can be made twice.

    Raises:
        OSError: the call failed; the message begins with ``what``.
    """
    if _quick_syscall(number, a, b, c) < 0:
        syscall(what, number, a, b, c)


def fork() -> int:
    """Fork a process that has one thread: without the interpreter's own hooks, which mend what other threads held and
    seed ``random`` anew, and take half of a small program's time. Call ``os._exit`` in the child.
    """
    return checked("fork", _libc_locked.fork())


def unshare(flags: int) -> None:
    """Move this process (with NEWPID: its children) into new namespaces."""
    checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def enter_namespace(fd: int, kind: int) -> None:
    """Join the namespace of ``kind`` of the process that the pidfd ``fd`` names (with NEWPID: for children to come)."""
    checked("setns", _libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    paths = os.fsencode(source), os.fsencode(target)
    result = _libc.mount(*paths, kind.encode(), ctypes.c_ulong(flags), data.encode())
    checked(f"mount on {target}", result)


def make_read_only(path: str, *, recursive: bool = True) -> None:
    """Make a mount read-only, without devices and set-uid bits (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    syscall(
        f"mount_setattr of {path}",
        _SYS_MOUNT_SETATTR,
        _AT_FDCWD,
        path.encode(),
        flags,
        ctypes.byref(attributes),
        ctypes.sizeof(attributes),
    )


def pivot_root(new_root: str) -> None:
    """Make ``new_root`` the root and forget the old one."""
    os.chdir(new_root)
    # Stacking the old root on the new one and detaching it needs no directory for it.
    syscall("pivot_root", _SYS_PIVOT_ROOT, b".", b".")
    unmount(".")
    os.chdir("/")


def unmount(path: str) -> None:
    """Detach a mount; it goes when nothing uses it any more."""
    checked(f"umount of {path}", _libc.umount2(path.encode(), ctypes.c_int(MNT_DETACH)))


def _prctl(what: str, option: int, value: int) -> None:
    if _quick.prctl(option, value, 0, 0, 0) < 0:
        checked(what, _libc.prctl(option, value, 0, 0, 0))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ``parent`` ends; exits at once if it already has."""
    _prctl("PR_SET_PDEATHSIG", _PR_SET_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl("PR_SET_CHILD_SUBREAPER", _PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    """Forbid privileges by exec; needed before Landlock and seccomp."""
    _prctl("PR_SET_NO_NEW_PRIVS", _PR_SET_NO_NEW_PRIVS, 1)


def undumpable() -> None:
    """Keep other processes of the same user out of this one's memory."""
    _prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 0)


def dumpable() -> None:
    """Take that back: the files of this process in a procfs belong to its user again."""
    _prctl("PR_SET_DUMPABLE", _PR_SET_DUMPABLE, 1)


def keep_capabilities_over_setuid() -> None:
    """Let the permitted set survive the coming change from uid 0."""
    _prctl("PR_SET_KEEPCAPS", _PR_SET_KEEPCAPS, 1)


_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_CAPABILITY_SETS = (ctypes.c_uint32 * 6)()
"""Effective, permitted, inheritable; then the same of the upper 32."""
_CAPSET_ARGUMENTS = ctypes.addressof(_CAPABILITY_HEADER), ctypes.addressof(_CAPABILITY_SETS)


def drop_capabilities(keep: int = 0) -> None:
    """Give up every capability that is not in the mask ``keep`` (of the first 32)."""
    if keep:
        _CAPABILITY_SETS[0] = _CAPABILITY_SETS[1] = keep
    plain_syscall("capset", _SYS_CAPSET, *_CAPSET_ARGUMENTS)


def close_from(first: int) -> None:
    """Close every descriptor from ``first`` on."""
    plain_syscall("close_range", _SYS_CLOSE_RANGE, first, 0xFFFFFFFF)


def set_seccomp(fprog: int) -> None:
    """Install the BPF program over system calls whose ``struct sock_fprog`` is at the address ``fprog``, for this
    thread and what it starts.
    """
    if _quick.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0) < 0:
        checked("PR_SET_SECCOMP", _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0))
