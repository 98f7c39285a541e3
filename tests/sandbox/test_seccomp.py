"""The filters over system calls, played through as the kernel does: every number gets what the lists say."""

import errno
import struct

import pytest

from atlas.sandbox.box import exec_seccomp, seccomp
from atlas.sandbox.box.kernel import AARCH64

ARCH = 0xC00000B7 if AARCH64 else 0xC000003E
ALLOW, KILL = 0x7FFF0000, 0x80000000
PID = 4711
FILTERS = {
    "program": seccomp.assemble(),
    "executable": exec_seccomp.assemble(own_files=True, own_signals=True),
    "executable on landlock": exec_seccomp.assemble(own_files=False, own_signals=False),
}


def refused(code):
    return 0x00050000 | code


def verdict(template, number, *arguments, arch=ARCH):
    """Play a filter for a call, with PID where it has a place for the process's own."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("<HBBI", template))
    at, loaded = 0, 0
    while True:
        opcode, if_true, if_false, k = code[at]
        k = PID if k == seccomp.SELF else k
        at += 1
        if opcode == 0x20:
            (loaded,) = struct.unpack_from("<I", data, k)
        elif opcode == 0x54:
            loaded &= k
        elif opcode == 0x15:
            at += if_true if loaded == k else if_false
        elif opcode == 0x35:
            at += if_true if loaded >= k else if_false
        elif opcode == 0x05:
            at += k
        else:
            assert opcode == 0x06, "no other opcode is in use"
            return k


def numbers(calls):
    return {pair[1 if AARCH64 else 0] for pair in calls} - {None}


CHECKED = numbers(
    getattr(seccomp, name)
    for name in (
        *"CLONE KILL TGKILL PRLIMIT PRCTL FCNTL IOCTL SOCKETPAIR GETSOCKOPT SETSOCKOPT".split(),
        "_SCHED_GETAFFINITY",
    )
)


def test_a_program_may_make_the_calls_of_the_list_and_no_others():
    plain = numbers(seccomp.PLAIN.values())
    for number in range(1024):
        if number in CHECKED:
            continue
        expected = ALLOW if number in plain else refused(errno.ENOSYS if number == 435 else errno.EPERM)
        assert verdict(FILTERS["program"], number) == expected, number


@pytest.mark.parametrize("name", FILTERS)
def test_other_architectures_and_numbers_beyond_the_table(name):
    template = FILTERS[name]
    assert verdict(template, 0, arch=0x40000003) == KILL
    for number in (1024, 0x40000000, 0x40000000 + 59, 0x7FFFFFFF, 0xFFFFFFFF):
        assert verdict(template, number) == refused(errno.EPERM)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    "call",
    [(101, 117), (425, 425), (250, 219), (321, 280), (165, 40), (272, 97), (310, 270), (41, 198), (319, 279)],
    ids=["ptrace", "io_uring_setup", "keyctl", "bpf", "mount", "unshare", "process_vm_readv", "socket", "memfd_create"],
)
def test_what_no_box_allows(name, call):
    assert verdict(FILTERS[name], call[1 if AARCH64 else 0]) == refused(errno.EPERM)


def test_arguments_are_looked_at():
    def of(call, *arguments, name="program"):
        return verdict(FILTERS[name], call[1 if AARCH64 else 0], *arguments)

    thread = 0x00010000 | 0x00000100
    assert of(seccomp.CLONE, thread) == ALLOW
    assert of(seccomp.CLONE, thread | 0x10000000) == refused(errno.EPERM), "a namespace"
    assert of(seccomp.CLONE, 17) == refused(errno.EPERM), "a process"
    assert of(seccomp.CLONE, 17, name="executable") == ALLOW
    for call in (seccomp.KILL, seccomp.TGKILL):
        assert of(call, PID, 9) == ALLOW
        assert of(call, 1, 9) == refused(errno.EPERM)
        assert of(call, 1, 9, name="executable on landlock") == refused(errno.EPERM)
    assert of(seccomp.SOCKETPAIR, 1, 1) == ALLOW
    assert of(seccomp.SOCKETPAIR, 1, 5) == refused(errno.EPERM), "packets"
    assert of(seccomp.SOCKETPAIR, 1, 5, name="executable") == ALLOW
    assert of(seccomp.SOCKETPAIR, 2, 1) == refused(errno.EPERM), "the network"
    assert {of(seccomp.FCNTL, 3, c) for c in seccomp.FCNTL_ALLOWED} == {ALLOW}
    assert of(seccomp.FCNTL, 3, 8) == refused(errno.EPERM), "F_SETOWN"
    assert of(seccomp.GETSOCKOPT, 5, 1, 3) == ALLOW
    assert of(seccomp.GETSOCKOPT, 5, 1, 77) == refused(errno.EPERM), "SO_PEERPIDFD"
    assert of(seccomp.SETSOCKOPT, 5, 1, 26) == refused(errno.EPERM), "SO_ATTACH_FILTER"
    assert of(seccomp.IOCTL, 0, 0x5412) == refused(errno.EPERM), "TIOCSTI"
