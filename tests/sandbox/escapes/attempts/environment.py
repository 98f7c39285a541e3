"""The judge's environment and arguments, wherever they might still be found."""
# ruff: noqa: E501  (programs in a table)

from probe import NOT_FOUND, PATH, Denied

REFUSED = [
    Denied("os.environ", "found(os.environ.get(host['variable']))", NOT_FOUND),
    Denied("anything in os.environ", "found(dict(os.environ))", NOT_FOUND),
    Denied("getenv", "found((setattr(libc.getenv, 'restype', ctypes.c_char_p), libc.getenv(host['variable'].encode()))[1])", NOT_FOUND),
    Denied("the C library's list", "found([v for v in environment_of_c() if host['secret'].encode() in v])", NOT_FOUND),
    Denied("the end of the stack", "found(host['secret'].encode() in end_of_stack())", NOT_FOUND),
    Denied("its own /proc/self/environ", "found(host['secret'] in open('/proc/self/environ').read())", PATH),
    Denied("the judge's /proc/PID/environ", "found(open('/proc/%d/environ' % host['judge']).read())", PATH),
    Denied("the first process's /proc/1/environ", "found(open('/proc/1/environ', 'rb').read())", PATH, {"got", "EACCES", "ENODATA"}),
    Denied("the command line of the judge", "found(open('/proc/%d/cmdline' % host['judge']).read())", PATH),
]  # fmt: skip
