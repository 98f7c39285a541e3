"""Namespaces, mounts and roots once more, from inside."""
# ruff: noqa: E501  (programs in a table)

from probe import NOT_FOUND, PATH, SYSCALL, Denied

REFUSED = [
    *(
        Denied(f"unshares {name}", f"call('unshare', {flag:#x})", SYSCALL, {"got", *harmless})
        for name, flag, harmless in (
            ("mounts", 0x20000, ()), ("names", 0x4000000, ()), ("shared memory", 0x8000000, ()),
            ("users", 0x10000000, ("ENOSPC",)), ("process ids", 0x20000000, ()), ("the network", 0x40000000, ()),
            ("control groups", 0x2000000, ()), ("time", 0x80, ()), ("descriptors", 0x400, ()),
        )
    ),
    Denied("enters a process's namespaces", "call('setns', os.pidfd_open(host['pid']), 0x20000)"),
    Denied("enters a namespace by no descriptor", "call('setns', 0, 0)", SYSCALL, {"EINVAL", "EBADF"}),
    Denied("opens a process's namespace", "open('/proc/%d/ns/mnt' % host['pid'])", PATH),
    Denied("mounts memory", "call('mount', b'none', b'/tmp', b'tmpfs', 0, None)"),
    Denied("mounts /proc", "call('mount', b'proc', b'/proc', b'proc', 0, None)"),
    Denied("makes the library writable", "call('mount', None, b'/', None, 0x20 | 0x1000, None)"),
    Denied("binds a folder", "call('mount', host['folder'].encode(), b'/tmp', None, 0x1000, None)"),
    Denied("unmounts its scratch folder", "call('umount2', b'/tmp', 2)", SYSCALL, {"got", "EINVAL"}),
    Denied("unmounts the root", "call('umount2', b'/nothing/at/all', 2)", SYSCALL, {"ENOENT"}),
    Denied("clones a tree of mounts", "call('open_tree', -100, b'/', 1)"),
    Denied("opens a file system", "call('fsopen', b'tmpfs', 0)"),
    Denied("moves a mount", "call('move_mount', -100, b'/nothing/at/all', -100, b'/tmp', 0)", SYSCALL, {"ENOENT"}),
    Denied("changes a mount's attributes", "call('mount_setattr', -100, b'/', 0, ctypes.create_string_buffer(32), 32)"),
    Denied("describes mounts", "call('statmount', None, None, 0, 0)", SYSCALL, {"EFAULT", "EINVAL"}),
    Denied("lists mounts", "call('listmount', None, None, 0, 0)", SYSCALL, {"EFAULT", "EINVAL"}),
    Denied("changes its root", "os.chroot('/tmp')"),
    Denied("swaps its root", "call('pivot_root', b'.', b'.')", SYSCALL, {"EINVAL", "EBUSY"}),
    Denied("climbs out of its root", "[os.chdir('..') for _ in range(64)] and found(os.listdir('home') + os.listdir('etc/ssl'))", NOT_FOUND, {"got", "ENOENT"}),
    Denied("names the machine", "call('sethostname', b'evil', 4)"),
    Denied("names the machine's domain", "call('setdomainname', b'evil', 4)"),
]  # fmt: skip
