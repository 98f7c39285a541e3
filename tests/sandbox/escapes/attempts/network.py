"""Networks: the internet, unix sockets by path and by abstract name, netlink, and handing descriptors over."""
# ruff: noqa: E501  (programs in a table)

from probe import SYSCALL, Denied

PAIR = "socket.socketpair()"

REFUSED = [
    Denied("a TCP socket", "socket.socket()"),
    Denied("connects to a listener", "socket.create_connection(host['tcp'])"),
    Denied("a UDP socket", "socket.socket(type=socket.SOCK_DGRAM)"),
    Denied("an IPv6 socket", "socket.socket(socket.AF_INET6)", SYSCALL, {"got", "EAFNOSUPPORT"}),
    Denied("a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    Denied("a packet socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", SYSCALL, {"got", "EAFNOSUPPORT"}),
    Denied("a netlink socket", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
    Denied("a socket to the host of virtual machines", "socket.socket(40, socket.SOCK_STREAM)", SYSCALL, {"got", "EAFNOSUPPORT"}),
    Denied("a socket to the kernel's ciphers", "socket.socket(38, socket.SOCK_SEQPACKET)", SYSCALL, {"got", "EAFNOSUPPORT"}),
    Denied("a unix socket by path", "socket.socket(socket.AF_UNIX).connect(host['unix'])"),
    Denied("a unix socket by abstract name", "socket.socket(socket.AF_UNIX).connect(host['abstract'])"),
    Denied("a unix socket to listen on", "socket.socket(socket.AF_UNIX).bind('\\0evil%d' % host['pid'])"),
    Denied("connects one of a pair elsewhere", f"[call('connect', pair[0].fileno(), ctypes.create_string_buffer(b'\\1\\0' + host['unix'].encode()), 110) for pair in [{PAIR}]]", SYSCALL, {"EISCONN"}),
    Denied("binds one of a pair", f"[call('bind', pair[0].fileno(), ctypes.create_string_buffer(b'\\1\\0\\0evil%d' % host['pid'], 20), 20) for pair in [{PAIR}]]"),
    Denied("accepts on one of a pair", f"[call('accept4', pair[0].fileno(), None, None, 0) for pair in [{PAIR}]]", SYSCALL, {"EINVAL"}),
    Denied("a pair of datagram sockets", "socket.socketpair(type=socket.SOCK_DGRAM)"),
    Denied("a pair of packet sockets", "socket.socketpair(type=socket.SOCK_SEQPACKET)"),
    Denied("hands a descriptor over", f"[socket.send_fds(pair[0], [b'x'], [0]) for pair in [{PAIR}]]"),
    Denied("takes a descriptor", f"[(pair[0].send(b'x'), socket.recv_fds(pair[1], 9, 9)) for pair in [{PAIR}]]"),
    Denied("makes a message queue with a name", "call('mq_open', b'evil', 0o102, 0o600, None)", SYSCALL, {"got", "EACCES"}),
    Denied("writes to the judge's own socket numbers", "[os.write(fd, b'x') for fd in range(6, 64)]", frozenset({"EBADF"}), None),
]  # fmt: skip
