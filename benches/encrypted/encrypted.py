#!/usr/bin/env python3
"""CPU time of a query over TLS and HTTPS with connections that are kept, beside TCP.

    benches/encrypted/encrypted.py PROGRAM [ROUNDS]

PROGRAM is a built `cvdns`. It serves the shipped example on 127.0.0.1 from a temporary directory, and is ended by its
id. dnsperf asks over TCP and TLS, h2load over HTTPS (Debian: dnsperf, nghttp2-client); openssl makes the certificate.
The transports take turns, so that all of them are measured beside the same work of other processes.
"""

import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ["db.de", "db.us", "db.jp", "db.br", "db.local", "database", "current.cvd", "nothing"]
# Seconds of a run, and its queries over HTTPS. All ways have 4 connections; h2load has 20 requests in flight on each.
SECONDS, REQUESTS = 4, 100_000
# Seconds until the server must answer.
PATIENCE = 30


def free_port():
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def start(program, place):
    """The server, once it answers, and the ports of TCP, TLS and HTTPS."""
    tcp, dot, doh = (free_port() for _ in range(3))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "9", "-subj", "/CN=ns1", "-keyout", "k.pem", "-out", "c.pem"], cwd=place, check=True, capture_output=True)
    with open(f"{place}/cvdns.toml", "w") as config:
        config.write(
            f'[server]\nlisten = ["127.0.0.1:{tcp}"]\nworkers = 1\n[[zone]]\nfile = "{ROOT}/zones/clamav.net.toml"\n'
            f'[geoip]\ndatabase = "{ROOT}/geoip/country.mmdb"\n[feed]\nsource = "{ROOT}/feed.json"\n'
            f'[tls]\ncertificate = "c.pem"\nkey = "k.pem"\ndot = ["127.0.0.1:{dot}"]\ndoh = ["127.0.0.1:{doh}"]\n')
    with open(f"{place}/log", "w") as log:
        server = subprocess.Popen([program, "serve", "--config", f"{place}/cvdns.toml"], stdout=log, stderr=log)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", doh), 1).close()
            return server, tcp, dot, doh
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                sys.exit(f"the server does not answer:\n{open(f'{place}/log').read()}")
            time.sleep(0.1)


def cpu(pid):
    """Seconds of user and system time of all threads."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def dnsperf(mode, port, place, in_flight):
    said = subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-m", mode, "-d", f"{place}/queries", "-l", str(SECONDS), "-c",
         "4", "-q", str(in_flight)], check=True, capture_output=True, text=True).stdout
    sent, done = (int(re.search(rf"Queries {word}: +(\d+)", said)[1]) for word in ("sent", "completed"))
    if done < sent:
        sys.exit(f"{mode}: {sent - done} of {sent} queries were not answered")
    return done


def h2load(port, place):
    said = subprocess.run(
        ["h2load", "-n", str(REQUESTS), "-c", "4", "-m", "20", "-d", f"{place}/query", "-H",
         "content-type: application/dns-message", f"https://127.0.0.1:{port}/dns-query"], check=True,
        capture_output=True, text=True).stdout
    if int(re.search(r"status codes: (\d+) 2xx", said)[1]) < REQUESTS:
        sys.exit(f"not every request was answered:\n{said}")
    return REQUESTS


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as place:
        with open(f"{place}/queries", "w") as queries:
            queries.writelines(f"{name}.clamav.net {'TXT' if 'cvd' in name else 'A'}\n" for name in NAMES)
        labels = b"".join(bytes([len(label)]) + label for label in (b"db", b"de", b"clamav", b"net"))
        with open(f"{place}/query", "wb") as query:
            query.write(struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + struct.pack(">B2H", 0, 1, 1))
        server, tcp, dot, doh = start(program, place)
        try:
            ways = [("TCP", 4, lambda: dnsperf("tcp", tcp, place, 4)),
                    ("TLS", 4, lambda: dnsperf("dot", dot, place, 4)),
                    ("TCP", 100, lambda: dnsperf("tcp", tcp, place, 100)),
                    ("TLS", 100, lambda: dnsperf("dot", dot, place, 100)),
                    ("HTTPS", 80, lambda: h2load(doh, place))]
            costs = {(name, in_flight): [] for name, in_flight, _ in ways}
            for _ in range(rounds):
                for name, in_flight, ask in ways:
                    before = cpu(server.pid)
                    count = ask()
                    costs[name, in_flight].append((cpu(server.pid) - before) / count * 1e6)
            for (name, in_flight), each in costs.items():
                plain = costs["TCP", 4 if in_flight == 4 else 100]
                ratios = [cost / of for cost, of in zip(each, plain)]
                print(f"{name:5} {in_flight:3} in flight {statistics.median(each):6.2f} µs, "
                      f"{statistics.median(ratios):5.2f} of TCP ({', '.join(f'{cost:.2f}' for cost in each)})")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
