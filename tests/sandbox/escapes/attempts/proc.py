"""What /proc, /sys and /dev would tell or do."""

from probe import PATH, Denied

REFUSED = [
    Denied("lists /proc", "found(os.listdir('/proc'))", PATH),
    Denied("its own memory map", "found(open('/proc/self/maps').read())", PATH),
    Denied("its own memory", "open('/proc/self/mem', 'r+b')", PATH),
    Denied("its own executable", "open('/proc/self/exe', 'rb')", PATH),
    Denied("its thread's status", "found(open('/proc/thread-self/status').read())", PATH),
    Denied("another's status", "found(open('/proc/%d/status' % host['pid']).read())", PATH),
    Denied("another's memory", "open('/proc/%d/mem' % host['pid'], 'r+b')", PATH),
    Denied("another's root", "found(os.listdir('/proc/%d/root' % host['pid']))", PATH),
    Denied("another's folder", "found(os.readlink('/proc/%d/cwd' % host['pid']))", PATH),
    Denied("the judge's descriptors", "found(os.listdir('/proc/%d/fd' % host['judge']))", PATH),
    Denied("another's out-of-memory score", "open('/proc/%d/oom_score_adj' % host['pid'], 'w').write('1000')", PATH),
    Denied("the table of connections", "found(open('/proc/net/tcp').read())", PATH),
    Denied("the table of unix sockets", "found(open('/proc/net/unix').read())", PATH),
    Denied("the table of keys", "open('/proc/keys').read()", PATH, {"got", "ENOENT"}),
    Denied("the table of mounts", "found(open('/proc/self/mountinfo').read())", PATH),
    Denied("its user map", "open('/proc/self/uid_map', 'w').write('0 0 1')", PATH, {"got", "EPERM"}),
    Denied("the kernel's settings", "found(os.listdir('/proc/sys/kernel'))", PATH),
    Denied("the kernel's core pattern", "open('/proc/sys/kernel/core_pattern', 'a')", PATH),
    Denied("the kernel's symbols", "found(open('/proc/kallsyms').readline())", PATH, {"got", "ENOENT"}),
    Denied("the system request key", "open('/proc/sysrq-trigger', 'w')", PATH, {"got", "ENOENT", "EROFS"}),
    Denied("the control groups", "found(os.listdir('/sys/fs/cgroup'))", PATH),
    Denied("the kernel's view of devices", "found(os.listdir('/sys'))", PATH),
    Denied("physical memory", "open('/dev/mem', 'rb')", PATH, {"got", "ENOENT", "EPERM"}),
    Denied("the kernel's log", "open('/dev/kmsg', 'w')", PATH, {"got", "ENOENT"}),
    Denied("a new terminal", "open('/dev/ptmx', 'rb')", PATH, {"got", "ENOENT"}),
    Denied("shared memory", "os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR)", PATH, {"got", "ENOENT"}),
    Denied("endless zeros", "open('/dev/zero', 'rb')", PATH),
    Denied("the devices", "found(os.listdir('/dev'))", PATH),
]  # fmt: skip
