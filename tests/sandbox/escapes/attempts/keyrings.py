"""The kernel's keyrings, which outlive processes and are shared by a user's sessions."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied

REFUSED = [
    Denied("adds a key to its session", "call('add_key', b'user', b'evil', b'x', 1, -3)"),
    Denied("adds a key to its user's keyring", "call('add_key', b'no-such-type', b'evil', b'x', 1, -4)", SYSCALL, {"ENODEV"}),
    Denied("asks for a key", "call('request_key', b'user', b'evil', None, 0)", SYSCALL, {"ENOKEY"}),
    Denied("asks for its session's keyring", "call('keyctl', 0, -3, 1)"),
    Denied("joins a session", "call('keyctl', 1, b'evil')"),
    Denied("describes its user's keyring", "call('keyctl', 6, -4, None, 0)", SYSCALL, {"got", "ENOKEY"}),
    Denied("reads its session's keyring", "call('keyctl', 11, -3, None, 0)"),
    Denied("asks for a persistent keyring", "call('keyctl', 22, -1, -3)", SYSCALL, {"got", "ENOTSUP"}),
]  # fmt: skip
