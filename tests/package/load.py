"""Asks a name server over UDP and TCP until it is told to end, and counts what was lost.

    load.py SERVER NAME LOST

Prints a line `answered` once each transport has had answers, and again for each line on standard
input, once both had further ones. At the end of standard input it waits for what is outstanding,
and prints the counts. It fails if more than LOST queries over UDP had no answer, or if any answer
is wrong. A query over UDP is sent once. One over TCP is sent again if the connection was closed
without an answer, as RFC 7766 section 6.2.4 wants of clients.
"""

import select
import socket
import struct
import sys
import time

SOCKETS = 8
# Queries a second over UDP. A busy machine may take seconds for a restart, and what comes meanwhile
# must find room in the buffers of the sockets: some 500 queries each.
RATE = 100
# Most connections a second, one after the other.
TCP_RATE = 50
# How long an answer over TCP may take. Resolvers wait less; what counts is whether it comes at all.
PATIENCE = 20.0
# How long is waited for what is outstanding at the end, when later queries have been answered.
LAST_WAIT = 5.0
# Answers after which a transport counts as answered.
ENOUGH = 50

server, name, most_lost = sys.argv[1], sys.argv[2], int(sys.argv[3])
question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
question += struct.pack("!HH", 1, 1)


def query(number):
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 0) + question


def is_good(message, number):
    """A whole answer (QR, AA, no TC, NOERROR) with a record, to this question."""
    if len(message) < 12 or message[12:12 + len(question)] != question:
        return False
    ident, flags, _, answers = struct.unpack("!HHHH", message[:8])
    return ident == number and flags & 0xFE0F == 0x8400 and answers > 0


class Udp:
    def __init__(self):
        self.sockets = []
        for _ in range(SOCKETS):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.connect((server, 53))
            self.sockets.append(one)
        self.sent, self.answered, self.wrong, self.refused = 0, 0, 0, 0
        self.waiting = {}

    def ask(self):
        one, number = self.sockets[self.sent % SOCKETS], self.sent % 65536
        self.sent += 1
        self.waiting[one, number] = time.monotonic()
        try:
            one.send(query(number))
        except ConnectionRefusedError:
            # The report on an earlier datagram: nobody had the port. This one was not sent.
            self.refused += 1
            one.send(query(number))

    def receive(self, one):
        try:
            message = one.recv(4096)
        except ConnectionRefusedError:
            self.refused += 1
            return
        number = struct.unpack("!H", message[:2])[0]
        if self.waiting.pop((one, number), None) is None or not is_good(message, number):
            self.wrong += 1
        else:
            self.answered += 1


class Tcp:
    """One query after the other, each on a connection of its own."""

    def __init__(self):
        self.sent, self.answered, self.wrong, self.again, self.lost = 0, 0, 0, 0, 0
        self.connection, self.octets, self.tries, self.due = None, b"", 0, 0.0

    def ask(self):
        if self.connection is not None or (self.tries == 0 and time.monotonic() < self.due):
            return
        self.due = time.monotonic() + 1 / TCP_RATE
        self.octets, self.tries = b"", self.tries + 1
        message = query(self.sent % 65536)
        try:
            self.connection = socket.create_connection((server, 53), timeout=PATIENCE)
            self.connection.sendall(struct.pack("!H", len(message)) + message)
        except OSError:
            self.closed()

    def receive(self):
        try:
            octets = self.connection.recv(4096)
        except OSError:
            octets = b""
        self.octets += octets
        whole = len(self.octets) >= 2 and len(self.octets) - 2 >= struct.unpack("!H", self.octets[:2])[0]
        if whole:
            good = is_good(self.octets[2:], self.sent % 65536)
            self.answered, self.wrong = self.answered + good, self.wrong + (not good)
            self.next()
        elif not octets:
            self.closed()

    def closed(self):
        if self.tries == 1:
            self.again += 1
            self.drop()
            self.ask()
        else:
            self.lost += 1
            self.next()

    def next(self):
        self.drop()
        self.sent, self.tries = self.sent + 1, 0

    def drop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


udp, tcp = Udp(), Tcp()
begin, ends, goal = time.monotonic(), None, (ENOUGH, ENOUGH // 10)
asked_to_report, open_input = True, True
while True:
    now = time.monotonic()
    if ends is None:
        while udp.sent < (now - begin) * RATE:
            udp.ask()
        tcp.ask()
    elif (not udp.waiting and tcp.connection is None) or now > ends:
        break
    ready = udp.sockets + [tcp.connection] * (tcp.connection is not None) + [sys.stdin] * open_input
    for one in select.select(ready, [], [], 0.003)[0]:
        if one is sys.stdin:
            if sys.stdin.readline():
                asked_to_report = True
                goal = (udp.answered + ENOUGH, tcp.answered + ENOUGH // 10)
            else:
                open_input, ends = False, now + LAST_WAIT
        elif one is tcp.connection:
            tcp.receive()
        elif one in udp.sockets:
            udp.receive(one)
    if asked_to_report and udp.answered >= goal[0] and tcp.answered >= goal[1]:
        asked_to_report = False
        print("answered", flush=True)
lost = len(udp.waiting)
print(
    f"UDP: {udp.sent} sent, {lost} lost, {udp.wrong} wrong, {udp.refused} refused; "
    f"TCP: {tcp.sent} sent, {tcp.lost} lost, {tcp.wrong} wrong, {tcp.again} sent again", flush=True
)
sys.exit(lost > most_lost or udp.wrong + udp.refused + tcp.lost + tcp.wrong > 0)
