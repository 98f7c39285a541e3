"""Filling, littering and misusing what little may be written to."""
# ruff: noqa: E501  (programs in a table)

from probe import PATH, Denied, Ok, Run

from atlas.sandbox import Limits, Status

SCRATCH = frozenset({"userns", "root", "bubblewrap"})
"""Where there is a scratch folder,"""
MOUNTED = SCRATCH - {"bubblewrap"}
"""and where it is mounted anew, with a bound on the number of files; else they are counted ten times a second."""
ROOMY = Limits(cpu_s=5.0, wall_s=60.0, memory_mb=256, output_bytes=128 << 20)
"""A file may be longer than the scratch folder holds."""

REFUSED = [
    Denied("writes beside the scratch folder", "open('/evil', 'w')", PATH, None),
    Denied("makes a folder in the root", "os.mkdir('/evil')", PATH, None),
    Denied("writes to the host's /tmp", "open(host['folder'] + '/evil', 'w')", PATH),
    Denied("writes to /var/tmp", "os.open('/var/tmp', os.O_TMPFILE | os.O_RDWR)", PATH, {"got", "ENOTSUP"}),
    Denied("writes to /dev", "open('/dev/evil', 'w')", PATH, None),
]  # fmt: skip

RUNS = [
    Run("fills the folder", "def f():\n    for i in range(1000):\n        with open(str(i), 'wb') as t: t.write(bytes(1 << 20))", (Status.EXCEPTION,), error="OSError: [Errno 28] No space left on device", tiers=SCRATCH, limits=ROOMY),
    Run("fills it with one file", "def f():\n    with open('evil', 'wb') as t:\n        while True: t.write(bytes(1 << 20))", (Status.EXCEPTION,), error="OSError: [Errno 28] No space left on device", tiers=SCRATCH, limits=ROOMY),
    Run("reserves more than there is", "def f(): return attempt(lambda: os.posix_fallocate(os.open('evil', os.O_CREAT | os.O_RDWR), 0, 100 << 20))", (Ok("denied: ENOSPC"),), tiers=SCRATCH, limits=ROOMY),
    Run("makes too many files", "def f():\n    for i in range(10**6): open(str(i), 'w').close()", (Status.EXCEPTION,), tiers=MOUNTED),
    Run("makes too many files, counted", "def f():\n    for i in range(10**6): open(str(i), 'w').close()", (Status.CRASHED,), error="too much in files", tiers=SCRATCH - MOUNTED),
    Run("makes folders too deep", "def f():\n    for i in range(10**6):\n        os.mkdir('d')\n        os.chdir('d')", (Status.EXCEPTION,), tiers=MOUNTED),
    Run("makes folders too deep, counted", "def f():\n    for i in range(10**6):\n        os.mkdir('d')\n        os.chdir('d')", (Status.CRASHED,), error="too much in files", tiers=SCRATCH - MOUNTED),
    Run("a folder that nobody may enter", "def f():\n    os.mkdir('evil', 0)\n    os.umask(0o777)\n    os.mkdir('more')\n    return attempt(lambda: os.listdir('more'))", (Ok("denied: EACCES"),), tiers=SCRATCH),
    Run("one file over the output limit", "def f():\n    with open('evil', 'wb') as t: t.write(bytes(4 << 20))", (Status.OUTPUT_LIMIT,), tiers=SCRATCH),
    Run("one file over the output limit, the signal ignored", "def f():\n    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n    return attempt(lambda: os.truncate(os.open('evil', os.O_CREAT | os.O_RDWR), 1 << 40))", (Ok("denied: EFBIG"),), tiers=SCRATCH),
    Run("nowhere to write", "def f(): return [attempt(lambda: open(p, 'w')) for p in ('/tmp/evil', '/var/tmp/evil', '/dev/shm/evil', 'evil')]", (Ok(["denied: EACCES"] * 4),), tiers=frozenset({"landlock"})),
    Run("names of all bytes", "def f():\n    for n in range(1, 256):\n        if n not in (46, 47): open(bytes([n]) * 255, 'x').close()\n    return len(os.listdir(b'.'))", (Ok(253),), tiers=SCRATCH),
    Run("asks for everything to be written out", "def f(): return attempt(os.sync)", (Ok("got: None"),)),
]  # fmt: skip
