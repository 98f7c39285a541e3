"""Reading, writing and changing files of the host, and of the library that every program shares."""
# ruff: noqa: E501  (programs in a table)

from probe import NOT_FOUND, PATH, SYSCALL, Denied

LIBRARY = None
"""Outside, these would harm the interpreter that runs the tests."""

REFUSED = [
    Denied("reads a file outside", "found(open(host['file']).read())", PATH),
    Denied("reads a file as bytes", "found(os.read(os.open(host['file'], os.O_RDONLY | os.O_NOATIME), 99))", PATH, {"got", "EPERM"}),
    Denied("reads a file by a path climbing out", "found(open('../' * 40 + host['file']).read())", PATH),
    Denied("reads a file from a descriptor of the root", "found(os.open(host['file'][1:], os.O_RDONLY, dir_fd=os.open('/', os.O_PATH)))", PATH),
    Denied("opens a path only, then what it names", "found(open('/proc/self/fd/%d' % os.open(host['file'], os.O_PATH)).read())", PATH),
    Denied("opens by openat2", "call('openat2', -100, host['file'].encode(), buffer(24), 24)"),
    Denied("maps a file", "found(mmap.mmap(os.open(host['file'], os.O_RDONLY), 0, prot=mmap.PROT_READ)[:])", PATH),
    Denied("copies a file out by the kernel", "found(os.sendfile(os.pipe()[1], os.open(host['file'], os.O_RDONLY), 0, 99))", PATH),
    Denied("makes a handle for a file", "call('name_to_handle_at', -100, host['file'].encode(), ctypes.create_string_buffer(struct.pack('<I', 128), 256), buffer(8), 0)", SYSCALL, {"got", "ENOTSUP"}),
    Denied("opens by a handle", "call('open_by_handle_at', -100, ctypes.create_string_buffer(struct.pack('<I', 128), 256), 0)", SYSCALL, {"ESTALE", "EINVAL", "EBADF"}),
    Denied("reads the users", "found(open('/etc/passwd').read())", PATH),
    Denied("reads the machine's name", "found(open('/etc/hostname').read())", PATH, {"got", "ENOENT"}),
    Denied("reads the judge's source", "found(open(host['source']).read())", PATH),
    Denied("lists the judge's source", "found(os.listdir(os.path.dirname(host['source'])))", PATH),
    Denied("lists a folder outside", "found(os.listdir(host['folder']))", PATH),
    Denied("goes to a folder and lists it", "(os.chdir(host['folder']), found(os.listdir('.')))", PATH),
    Denied("lists the homes", "[found(os.listdir(p)) for p in ('/home', '/root', '/var')]", NOT_FOUND, {"got", "ENODATA", "EACCES"}),
    Denied("appends to a file", "open(host['file'], 'a').write('x')", PATH),
    Denied("opens a file to write and cuts it", "open(host['file'], 'w')", PATH),
    Denied("cuts a file by its path", "os.truncate(host['file'], 0)"),
    Denied("makes a file outside", "open(host['folder'] + '/evil', 'x')", PATH),
    Denied("makes a file without a name", "os.open(host['folder'], os.O_TMPFILE | os.O_RDWR)", PATH, {"got", "ENOTSUP"}),
    Denied("makes a folder outside", "os.mkdir(host['folder'] + '/evil')", PATH),
    Denied("removes a file", "os.unlink(host['file'])", PATH),
    Denied("removes a folder", "os.rmdir(os.path.dirname(host['folder']))", PATH, {"ENOTEMPTY"}),
    Denied("renames a file", "os.rename(host['file'], host['file'] + '.evil')", PATH),
    Denied("makes a pipe with a name", "os.mkfifo(host['folder'] + '/evil')"),
    Denied("makes a device", "os.mknod(host['folder'] + '/evil', 0o20666, os.makedev(1, 3))"),
    Denied("changes a mode", "os.chmod(host['file'], 0o777)"),
    Denied("changes an owner", "os.chown(host['file'], 12345, 12345)"),
    Denied("changes a time", "os.utime(host['file'], (1, 1))"),
    Denied("changes an attribute", "os.setxattr(host['file'], 'user.evil', b'x')", SYSCALL, {"got", "ENOTSUP"}),
    Denied("changes a mode by its number", "call('fchmodat', -100, host['file'].encode(), 0o777)"),
    Denied("changes an owner by its number", "call('fchownat', -100, host['file'].encode(), 1, 1, 0)"),
    Denied("locks a file outside", "fcntl.flock(os.open(host['file'], os.O_RDONLY), fcntl.LOCK_EX)", PATH),
    Denied("watches a folder", "call('inotify_init1', 0)"),
    Denied("watches all files", "call('fanotify_init', 0, 0)"),
    Denied("writes into the library", "open(os.__file__, 'a')", PATH, LIBRARY),
    Denied("removes from the library", "os.unlink(os.__file__)", PATH, LIBRARY),
    Denied("puts a file into the library", "open(os.path.dirname(os.__file__) + '/evil.py', 'x')", PATH, LIBRARY),
    Denied("reads the user's packages", "found([open(e.path, 'rb').read(9) for p in sys.path for n in ('site-packages', 'dist-packages') if os.path.isdir(os.path.join(p, n)) for e in os.scandir(os.path.join(p, n)) if e.is_file()])", NOT_FOUND),
]  # fmt: skip
