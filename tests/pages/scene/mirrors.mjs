// The web servers of the mirrors, each at an address of loopback, all at one port.

import { once } from 'node:events';
import http from 'node:http';

import { wayOf } from './fleet.mjs';

const VERSIONS = { main: 63, daily: 28129, bytecode: 339 };

/** The header of a database, and some octets behind it. */
function database(version) {
  const header = `ClamAV-VDB:16 Dec 2025 23-18 +0000:${version}:3287027:90:` +
    '9c353a6b32555186a45a61c6441f38c0:gI9w:builder:1765927102';
  return Buffer.concat([Buffer.from(header.padEnd(512)), Buffer.alloc(2488, 7)]);
}

/** Servers for all mirrors of a fleet, whose moment is set by `at`. */
export class Mirrors {
  #end;
  #now = 0;
  #servers = new Map();

  constructor(fleet, port, end) {
    this.fleet = fleet;
    this.port = port;
    this.#end = end;
  }

  /** Sets the moment, in seconds before the end: who refuses connections then does so now. */
  async at(before) {
    this.#now = before;
    for (const mirror of this.fleet) {
      const refused = wayOf(mirror, before)?.way === 'refused';
      const server = this.#servers.get(mirror.host);
      if (refused && server) {
        this.#servers.delete(mirror.host);
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      } else if (!refused && !server) {
        await this.#listen(mirror);
      }
    }
  }

  async #listen(mirror) {
    const server = http.createServer((request, response) =>
      this.#answer(mirror, request, response));
    server.listen(this.port, mirror.address);
    await once(server, 'listening');
    this.#servers.set(mirror.host, server);
  }

  #answer(mirror, request, response) {
    const fault = wayOf(mirror, this.#now);
    if (fault?.way === 'status') {
      response.writeHead(503, { 'Content-Length': 0 }).end();
    } else if (typeof fault?.way === 'function') {
      fault.way(response);
    } else if (request.url === '/timestamp') {
      // One that stands still does so since it went wrong.
      const before = fault ? fault.since : this.#now;
      response.end(`${this.#end - before}\n`);
    } else {
      part(request, response);
    }
  }

  close() {
    for (const server of this.#servers.values()) {
      server.closeAllConnections();
      server.close();
    }
  }
}

/** Answers the requests for the first octets of databases. */
function part(request, response) {
  const name = /^\/(\w+)\.cvd$/.exec(request.url)?.[1];
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!VERSIONS[name] || !range) {
    response.writeHead(404, { 'Content-Length': 0 }).end();
    return;
  }
  const all = database(VERSIONS[name]);
  const [first, last] = [Number(range[1]), Math.min(Number(range[2]), all.length - 1)];
  const body = all.subarray(first, last + 1);
  response.writeHead(206, {
    'Content-Range': `bytes ${first}-${last}/${all.length}`,
    'Content-Length': body.length,
  });
  response.end(body);
}
