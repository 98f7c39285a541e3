"""Symbolic and hard links that lead out, or in a circle."""
# ruff: noqa: E501  (programs in a table)

from probe import PATH, SYSCALL, Denied, Ok, Run

SCRATCH = frozenset({"userns", "root", "bubblewrap"})
"""Where there is a scratch folder to make links in."""

REFUSED = [
    Denied("reads by a symbolic link", "(os.symlink(host['file'], host['folder'] + '/evil' if host['tier'] == 'outside' else 'evil'), found(open(host['folder'] + '/evil' if host['tier'] == 'outside' else 'evil').read()))", PATH),
    Denied("makes a symbolic link outside", "os.symlink('x', host['folder'] + '/evil')", PATH),
    Denied("makes a hard link", "os.link(host['file'], host['folder'] + '/evil')"),
    Denied("makes a hard link by a descriptor", "call('linkat', os.open('/', os.O_PATH), b'', -100, host['folder'].encode() + b'/evil', 0x1000)", SYSCALL, {"EPERM", "EXDEV"}),
    Denied("links the library into its folder", "os.link(os.__file__, '/tmp/evil')", SYSCALL, None),
    Denied("exchanges a file with its own", "exchange(host['file'], host['folder'] + '/s')", PATH),
    Denied("follows the root of another process", "found(open('/proc/%d/root' % host['pid'] + host['file']).read())", PATH),
    Denied("follows its own folder's descriptor up", "found(open('/proc/self/cwd/' + '../' * 9 + host['file']).read())", PATH),
]  # fmt: skip

RUNS = [
    Run("a link to the root", "def f():\n    os.symlink('/', 'evil')\n    return [attempt(lambda: open('evil/etc/passwd')), os.path.exists('evil' + os.__file__)]", (Ok(["denied: ENOENT", True]),), tiers=SCRATCH),
    Run("links in a circle", "def f():\n    os.symlink('b', 'a')\n    os.symlink('a', 'b')\n    return attempt(lambda: open('a'))", (Ok("denied: ELOOP"),), tiers=SCRATCH),
    Run("the scratch folder swapped for a link", "def f():\n    place = os.getcwd()\n    tried = attempt(lambda: os.rmdir(place)), attempt(lambda: os.rename(place, place + '2'))\n    return {*tried} <= {'denied: EBUSY', 'denied: EACCES', 'denied: EROFS'}", (Ok(True),), tiers=SCRATCH),
    Run("a chain of a thousand links", "def f():\n    for i in range(900): os.symlink(str(i + 1), str(i))\n    return attempt(lambda: open('0'))", (Ok("denied: ELOOP"),), tiers=SCRATCH),
    Run("a name that climbs", "def f():\n    os.mkdir('evil')\n    os.chdir('evil')\n    return [attempt(lambda: open('../' * 30 + 'etc/passwd')), os.stat('/') == os.stat('../' * 30)]", (Ok(["denied: ENOENT", True]),), tiers=SCRATCH),
]  # fmt: skip
