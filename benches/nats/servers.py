#!/usr/bin/env python3
"""Measures how long a feed takes from its publishing until each of several real servers answers by
it, with 10,000 mirrors, and what a server costs that hears nothing.

    benches/nats/servers.py CVDNS NATS-SERVER SERVERS ROUNDS

Everything is on loopback and in a directory of its own. It takes minisign."""

import json, os, re, socket, statistics, struct, subprocess, sys, tempfile, time, datetime

cvdns, nats_server, servers, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
MIRRORS, NATS = 10_000, 24222
COUNTRIES = "DE FR NL GB US CA BR JP AU ZA IN PL SE IT ES".split()
top = tempfile.mkdtemp()


def write(name, text):
    path = os.path.join(top, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def query(name):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    return b"\0\1\0\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack("!HH", 16, 1)


def serial_of(port):
    """The serial of the feed in force, by `_feed`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(query("_feed.big.example"), ("127.0.0.1", port))
        try:
            answer = client.recv(4096)
        except TimeoutError:
            return None
    found = re.search(rb"serial=([0-9]+)", answer)
    return found and int(found[1])


def publish(serial, flip):
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mirrors = {f"m{n}.example": {"state": "down" if n % 50 == flip % 50 else "up"} for n in range(MIRRORS)}
    release = {"software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90}
    feed = {"format": 1, "serial": serial, "generated": now, "release": release, "mirrors": mirrors}
    write("feed.json", json.dumps(feed))
    run(["minisign", "-S", "-s", "k.sec", "-m", "feed.json"])
    began = time.monotonic()
    run([cvdns, "feed", "publish", "feed.json"])
    return began


def run(command):
    done = subprocess.run(command, cwd=top, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")


def config(port, nats):
    section = f'[nats]\nservers = ["nats://127.0.0.1:{NATS}"]\n' if nats else ""
    source = "" if nats else 'source = "feed.json"\n'
    return f"""[server]
listen = ["127.0.0.1:{port}"]
workers = 1
explain = "public"
[[zone]]
file = "big.toml"
[geoip]
database = "{os.path.join(os.path.dirname(__file__), '../../geoip/country.mmdb')}"
[feed]
{source}public-key = "{public}"
max-loss = 1
{section}"""


def cpu_and_memory(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident / 1024


write("big.toml", 'format = 1\norigin = "big.example"\nrecords = "big.zone"\nmirrors = "mirrors.toml"\n'
      '[[name]]\nowner = "db.local"\npool = "client"\n[[name]]\nowner = "db.{cc}"\npool = "{cc}"\n')
write("big.zone", "@ 3600 SOA ns.big.example. host.big.example. 1 3600 900 604800 300\n@ 3600 NS ns\nns 3600 A 127.0.0.1\n")
write("mirrors.toml", "".join(
    f'[[mirror]]\nhost = "m{n}.example"\ncountry = "{COUNTRIES[n % len(COUNTRIES)]}"\n'
    f'ipv4 = ["20.0.{n >> 8 & 255}.{n & 255}"]\n' for n in range(MIRRORS)))
run(["minisign", "-G", "-W", "-p", "k.pub", "-s", "k.sec"])
public = open(os.path.join(top, "k.pub")).read().split("\n")[1]
write("nats.conf", f'listen: "127.0.0.1:{NATS}"\nmax_payload: 8MB\njetstream {{ store_dir: "{top}/store" }}\n')
ports = [15300 + n for n in range(servers + 1)]
write("cvdns.toml", config(ports[0], True))
children = []


def start(command):
    log = open(os.path.join(top, "log"), "a")
    children.append(subprocess.Popen(command, cwd=top, stdout=log, stderr=log))
    return children[-1]


try:
    nats = start([nats_server, "-c", "nats.conf"])
    time.sleep(1)
    run([cvdns, "nats", "set-up"])
    publish(1, 0)
    following = []
    for port in ports[:servers]:
        following.append(start([cvdns, "serve", "--config", write(f"{port}.toml", config(port, True))]))
    alone = start([cvdns, "serve", "--config", write("alone.toml", config(ports[servers], False))])
    deadline = time.monotonic() + 120
    while any(serial_of(port) is None for port in ports):
        assert time.monotonic() < deadline, open(os.path.join(top, "log")).read()[-2000:]
        time.sleep(0.2)
    time.sleep(5)
    costs = []
    for child in (following[0], alone):
        costs.append(cpu_and_memory(child.pid))
    time.sleep(60)
    for name, child, (cpu, _) in zip(("through NATS", "from a file"), (following[0], alone), costs):
        after, memory = cpu_and_memory(child.pid)
        print(f"idle, {name}: {(after - cpu) / 60 * 100:.2f} % of a core, {memory:.0f} MB")
    for child in (alone,):
        child.kill()
    times = []
    for round in range(rounds):
        serial = round + 2
        began = publish(serial, round + 1)
        waiting = set(ports[:servers])
        while waiting:
            waiting = {port for port in waiting if serial_of(port) != serial}
            assert time.monotonic() < began + 60, "not all follow"
        times.append(time.monotonic() - began)
    print(f"{servers} servers with {MIRRORS} mirrors: from the start of `cvdns feed publish` to the last answer: "
          f"median {statistics.median(times):.2f} s, {min(times):.2f} to {max(times):.2f} s")
    nats.kill()
    nats.wait()
    time.sleep(5)
    began = time.monotonic()
    nats = start([nats_server, "-c", "nats.conf"])
    while True:
        try:
            socket.create_connection(("127.0.0.1", NATS), 1).close()
            break
        except OSError:
            time.sleep(0.02)
    publish(rounds + 2, rounds + 1)
    waiting = set(ports[:servers])
    while waiting:
        waiting = {port for port in waiting if serial_of(port) != rounds + 2}
    print(f"NATS killed, 5 s down, started: a feed published at once is answered by all {time.monotonic() - began:.2f} s after the start")
finally:
    for child in children:
        child.kill()
