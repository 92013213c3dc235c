#!/usr/bin/env python3
"""What many records, zones and connections cost: cvdns beside NSD and Knot.

    benches/scale/scale.py PROGRAM [records] [zones] [connections]

PROGRAM is a built `cvdns`. All servers listen on 127.0.0.1, have their files in a temporary directory and are ended by
their ids. NSD and Knot (Debian: nsd, knot) take part where they are installed.
"""

import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SOA = "$TTL 3600\n@ SOA ns1 hostmaster 1 7200 3600 1209600 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n"
# Seconds until a server must answer.
PATIENCE = 180


def address(number, first):
    return f"{first}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def addresses(count):
    """As many names with one address each; the name that is loaded last."""
    lines = [f"h{i} A {address(i, 10)}" for i in range(count)]
    return SOA + "\n".join(lines) + "\n", f"h{count - 1}.big.example"


def mixed(count):
    """Half delegations with two servers and their glue, half names with A and AAAA; the name that is loaded last."""
    lines = []
    for i in range(count // 8):
        lines += [f"d{i} NS ns1.d{i}", f"d{i} NS ns2.d{i}", f"ns1.d{i} A {address(i, 10)}", f"ns2.d{i} A {address(i, 11)}"]
    for i in range(count // 4):
        lines += [f"h{i} A {address(i, 10)}", f"h{i} AAAA 2001:db8::{i >> 16:x}:{i & 65535:x}"]
    return SOA + "\n".join(lines) + "\n", f"h{count // 4 - 1}.big.example"


def free_port():
    """A port of 127.0.0.1 that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def query(name):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def cvdns(program, directory, port, zones):
    """The command of a server of these zones: (origin, master file)."""
    config = f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = 1\n[rate-limit]\nmode = "off"\n'
    for number, (origin, records) in enumerate(zones):
        write(directory, f"z{number}.toml", f'format = 1\norigin = "{origin}"\nrecords = "{records}"\n')
        config += f'[[zone]]\nfile = "z{number}.toml"\n'
    return [program, "serve", "--config", write(directory, "cvdns.toml", config)]


def nsd(directory, port, zones):
    program = shutil.which("nsd", path="/usr/sbin:" + os.environ["PATH"])
    config = f"""server:
  ip-address: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  database: ""
  zonelistfile: "{directory}/list"
  pidfile: "{directory}/pid"
  xfrdfile: "{directory}/xfrd"
  xfrdir: "{directory}"
  zonesdir: "{directory}"
  server-count: 1
remote-control:
  control-enable: no
"""
    for origin, records in zones:
        config += f"zone:\n  name: {origin}\n  zonefile: {records}\n"
    return program and [program, "-d", "-c", write(directory, "nsd.conf", config)]


def knotd(directory, port, zones):
    program = shutil.which("knotd", path="/usr/sbin:" + os.environ["PATH"])
    config = f"""server:
  rundir: {directory}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {directory}
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    journal-content: none
zone:
"""
    for origin, records in zones:
        config += f"  - domain: {origin}\n    file: {records}\n"
    return program and [program, "-c", write(directory, "knot.conf", config)]


def family(pid):
    """A process with those that it has started."""
    out = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                out += family(int(child))
    return out


def figure(pid, file, key):
    with open(f"/proc/{pid}/{file}", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key))


def memory(pid):
    """MiB of all processes: now, shared pages counted once; and the most that one of them ever had."""
    pids = family(pid)
    now = sum(figure(pid, "smaps_rollup", "Pss:") for pid in pids)
    return now >> 10, max(figure(pid, "status", "VmHWM:") for pid in pids) >> 10


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def answers(port, name):
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.1)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(query(name))
            answer = udp.recv(4096)
        except OSError:
            return False
        return answer[3] & 15 == 0 and answer[7] > 0


class Server:
    """A running server that answers for a name."""

    def __init__(self, command, directory, port, name):
        self.log = os.path.join(directory, "log")
        self.port, self.begun = port, time.monotonic()
        with open(self.log, "w", encoding="ascii") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.child.pid
        self.wait(name)
        self.seconds = time.monotonic() - self.begun
        # What was only needed for the start is given back by then.
        time.sleep(2)

    def wait(self, name):
        while not answers(self.port, name):
            if self.child.poll() is not None or time.monotonic() > self.begun + PATIENCE:
                sys.exit(f"no answer: see {self.log}")
            time.sleep(0.01)

    def end(self):
        self.child.terminate()
        self.child.wait()

    def reload(self):
        """Seconds that a reload of cvdns takes."""
        begun, before = time.monotonic(), self.count("reloaded")
        self.child.send_signal(signal.SIGHUP)
        while self.count("reloaded") == before:
            time.sleep(0.02)
        return time.monotonic() - begun

    def count(self, word):
        with open(self.log, encoding="utf-8") as log:
            return log.read().count(word)


def records(program):
    print("| zone of 1,000,000 records | | until the last name is answered | CPU time | memory | at most |")
    print("|---|---|---|---|---|---|")
    for kind, make in (("A alone", addresses), ("mixed", mixed)):
        text, last = make(1_000_000)
        for name, command in (("cvdns", lambda *rest: cvdns(program, *rest)), ("NSD", nsd), ("Knot", knotd)):
            with tempfile.TemporaryDirectory() as directory:
                port = free_port()
                write(directory, "big.zone", text)
                command = command(directory, port, [("big.example", "big.zone")])
                if not command:
                    continue
                server = Server(command, directory, port, last)
                now, most = memory(server.pid)
                print(f"| {kind} | {name} | {server.seconds:.2f} s | {cpu(server.pid):.2f} s | {now} MiB | {most} MiB |", flush=True)
                server.end()


def zones(program):
    print("| zones | until the last is answered | reload | memory | lines of the log |\n|---|---|---|---|---|")
    for count in (2_500, 5_000, 10_000, 20_000):
        with tempfile.TemporaryDirectory() as directory:
            port = free_port()
            for number in range(count):
                write(directory, f"{number}.zone", SOA + f"www A {address(number, 10)}\n@ MX 10 mail\nmail A 192.0.2.9\n")
            every = [(f"zone{number}.example", f"{number}.zone") for number in range(count)]
            command = cvdns(program, directory, port, every)
            server = Server(command, directory, port, f"www.zone{count - 1}.example")
            lines, now = server.count("\n"), memory(server.pid)[0]
            print(f"| {count:,} | {server.seconds:.2f} s | {server.reload():.2f} s | {now} MiB | {lines} |", flush=True)
            server.end()


def connections(program):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    message = query("www.zone.example")
    message = struct.pack(">H", len(message)) + message
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        write(directory, "zone", SOA + "www A 192.0.2.3\n")
        command = cvdns(program, directory, port, [("zone.example", "zone")])
        server = Server(command, directory, port, "www.zone.example")
        resident = lambda: figure(server.pid, "status", "VmRSS:")
        print(f"| wave of 900 connections | KiB: before {resident()} | all open | all answered | all closed |\n|---|---|---|---|---|")
        for wave in range(5):
            every = [socket.create_connection(("127.0.0.1", port)) for _ in range(900)]
            time.sleep(0.5)
            opened = resident()
            for one in every:
                one.sendall(message)
            for one in every:
                one.recv(4096)
            answered = resident()
            for one in every:
                one.close()
            time.sleep(0.5)
            print(f"| {wave + 1} | | {opened} | {answered} | {resident()} |", flush=True)
        time.sleep(12)
        print(f"| 12 s later | | | | {resident()} |")
        server.end()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    parts = {"records": records, "zones": zones, "connections": connections}
    for part in sys.argv[2:] or parts:
        parts[part](os.path.abspath(sys.argv[1]))
        print()
