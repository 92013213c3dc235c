"""Sends frames and prints what comes back, octet by octet: a client that no kernel helps.

Lines of standard input are frames in hexadecimal; the first is a probe, a query with the id ffff.
Each further frame is sent, and then the probe. What the server sends before the probe's answer is
printed: UDP datagrams from its address, a frame in a line, and "." at the end. So nothing waits for
an answer that does not come: both go through the same queue, in their order.

Every datagram's checksums are verified here (RFC 791, 768, 8200), before anything else is said.
"""

import socket
import struct
import sys


def checksum(octets):
    total = sum(struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + b"\0" * (len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def datagram(frame):
    """The UDP header and data of a frame, if it has any; fails if a checksum is wrong."""
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and packet[9] == 17:
        assert checksum(packet[:20]) == 0xFFFF, f"the header's checksum: {frame.hex()}"
        packet = packet[: struct.unpack("!H", packet[2:4])[0]]
        addresses, udp = packet[12:20], packet[20:]
    elif kind == b"\x86\xdd" and packet[6] == 17:
        packet = packet[: 40 + struct.unpack("!H", packet[4:6])[0]]
        addresses, udp = packet[8:40], packet[40:]
    else:
        return None
    assert len(udp) == struct.unpack("!H", udp[4:6])[0], f"the length: {frame.hex()}"
    pseudo = addresses + struct.pack("!HH", 17, len(udp))
    assert udp[6:8] != b"\0\0" and checksum(pseudo + udp) == 0xFFFF, f"checksum: {frame.hex()}"
    return udp


card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
card.bind((sys.argv[1], 0))
card.settimeout(30)
own = card.getsockname()[4]
probe = None
for line in sys.stdin:
    frame = bytes.fromhex(line)
    if probe is None:
        probe = frame
        continue
    card.send(frame)
    card.send(probe)
    while True:
        answer = card.recv(65535)
        udp = datagram(answer) if answer[6:12] != own else None
        if udp is None:
            continue
        if udp[8:10] == b"\xff\xff":
            break
        print(answer.hex(), flush=True)
    print(".", flush=True)
