"""Asks a server with signatures that are wrong in all ways of RFC 8945, and checks its answers.

Usage: tsig.py PORT ZONE KEY SECRET. Prints a line for each case: its name, RCODE, TSIG error, and
whether the answer's signature is right (none: it has none).
"""

import socket
import struct
import sys
import time

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig

PORT, ZONE, KEY, SECRET = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
NOW = int(time.time())


def signed(kind, algorithm="hmac-sha256", key=KEY, secret=SECRET, offset=0, mac=None, change=None):
    """A signed query, its MAC, and its key."""
    query = dns.message.make_query(ZONE, kind)
    query.flags = 0
    real = time.time
    time.time = lambda: NOW + offset
    key = dns.tsig.Key(key, secret, algorithm)
    query.use_tsig(key)
    wire = bytearray(query.to_wire())
    time.time = real
    record = query.tsig[0]
    octets = record.mac
    if mac is not None:
        # MAC Size and MAC: behind the algorithm's name, the time and the fudge.
        at = bytes(wire).rindex(octets)
        octets = mac(octets)
        tail = wire[at + len(record.mac):]
        wire = wire[:at - 2] + struct.pack("!H", len(octets)) + octets + tail
        # RDLENGTH: before the algorithm's name.
        name = bytes([len(algorithm)]) + algorithm.encode() + b"\0"
        length_at = bytes(wire).rindex(name) - 2
        (length,) = struct.unpack_from("!H", wire, length_at)
        struct.pack_into("!H", wire, length_at, length + len(octets) - len(record.mac))
    if change is not None:
        wire = change(wire)
    return bytes(wire), octets, key


def exchange(wire, transport):
    if transport == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.sendto(wire, ("127.0.0.1", PORT))
            return sock.recv(65535)
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as sock:
        sock.sendall(struct.pack("!H", len(wire)) + wire)
        with sock.makefile("rb") as stream:
            (length,) = struct.unpack("!H", stream.read(2))
            return stream.read(length)


def judge(answer, request_mac, key):
    """RCODE, error, and whether the signature is right, by the digest of dnspython."""
    header = struct.unpack("!HHHHHH", answer[:12])
    rcode = dns.rcode.to_text(header[1] & 15)
    if header[5] == 0:
        return rcode, "-", "none"
    # The TSIG record is the last one; find it by its type and class.
    at = answer.rindex(b"\x00\xfa\x00\xff\x00\x00\x00\x00")
    (length,) = struct.unpack_from("!H", answer, at + 8)
    rdata = dns.rdata.from_wire(dns.rdataclass.ANY, dns.rdatatype.TSIG, answer, at + 10, length)
    error = dns.rcode.to_text(rdata.error, True) if rdata.error else "NOERROR"
    if not rdata.mac:
        return rcode, error, "none"
    start = at - len(key.name.to_wire())
    stripped = answer[:start]
    wire = stripped[:10] + struct.pack("!H", header[5] - 1) + stripped[12:]
    context = dns.tsig._digest(wire, key, rdata, None, request_mac, None, None)
    try:
        context.verify(rdata.mac)
        right = "right"
    except dns.tsig.BadSignature:
        right = "wrong"
    if rdata.error == 18 and abs(int.from_bytes(rdata.other, "big") - time.time()) > 30:
        right = "without the time"
    if rdata.error != 18 and rdata.other:
        right = "with other data"
    return rcode, error, right


def doubled(wire):
    """The TSIG record twice."""
    name_length = len(dns.name.from_text(KEY).to_wire())
    at = bytes(wire).rindex(b"\x00\xfa\x00\xff\x00\x00\x00\x00") - name_length
    wire = wire + wire[at:]
    wire[10:12] = struct.pack("!H", 2)
    return wire


def elsewhere(wire):
    """The TSIG record in the answer section."""
    wire[6:8], wire[10:12] = struct.pack("!H", 1), struct.pack("!H", 0)
    return wire


def cut(wire):
    return wire[:-1]


def other_secret():
    return "d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE="


CASES = [
    ("good", {}),
    ("clock behind", {"offset": -299}),
    ("clock ahead", {"offset": 299}),
    ("ten minutes behind", {"offset": -600}),
    ("ten minutes ahead", {"offset": 600}),
    ("secret", {"secret": other_secret()}),
    ("name", {"key": "nobody."}),
    ("algorithm", {"algorithm": "hmac-sha512"}),
    ("sha1", {"algorithm": "hmac-sha1"}),
    ("half", {"mac": lambda mac: mac[:16]}),
    ("three quarters", {"mac": lambda mac: mac[:24]}),
    ("half and late", {"mac": lambda mac: mac[:16], "offset": 600}),
    ("half and wrong", {"mac": lambda mac: bytes(16)}),
    ("less than half", {"mac": lambda mac: mac[:15]}),
    ("nothing", {"mac": lambda mac: b""}),
    ("longer", {"mac": lambda mac: mac + b"\0"}),
    ("twice", {"change": doubled}),
    ("elsewhere", {"change": elsewhere}),
    ("cut", {"change": cut}),
]

for transport in ("udp", "tcp"):
    for kind in ("SOA", "AXFR"):
        if (transport, kind) == ("udp", "AXFR"):
            continue
        for name, options in CASES:
            wire, mac, key = signed(kind, **options)
            answer = exchange(wire, transport)
            assert answer[:2] == wire[:2], "another ID"
            print(f"{transport} {kind} {name}:", *judge(answer, mac, key))
