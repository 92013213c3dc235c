// The program under test: its files, the coordinator's rounds and the server.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { DRAINED, LONG, WICKED } from './fleet.mjs';

const run = promisify(execFile);

export const ORIGIN = 'clam.example';

const RELEASE = { software: '1.4.6', main: 63, daily: 28129, bytecode: 339, flevel: 90 };
const MASTER = '@ 3600 IN SOA ns1 hostmaster 1 3600 600 86400 60\n@ 3600 IN NS ns1\n' +
  'ns1 3600 IN A 127.0.0.1\n';
const ZONE = `format = 1
origin = "${ORIGIN}"
records = "zone.zone"
mirrors = "mirrors.toml"
[answer]
max = 4
[[name]]
owner = "db.{cc}"
pool = "{cc}"
[[name]]
owner = "db.local"
pool = "client"
[[name]]
owner = "current.cvd"
txt = "record"
`;

/** The reason of an override. One with control characters is refused. */
const REASON = `${WICKED} ${LONG}`.replaceAll('\u0007', '');

/** A string of TOML. */
const quoted = (text) => JSON.stringify(text).replaceAll('\u007f', '\\u007f');
const moment = (seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** A directory with the files of a server and of its coordinator. */
export class Cvdns {
  #server;

  /** `ports`: of the mirrors, of DNS and of the admin listener. `end`: the present, in seconds. */
  constructor(program, directory, { fleet, ports, end, tame }) {
    Object.assign(this, { program, directory, fleet, ports, end });
    this.pages = path.join(directory, 'pages');
    this.#write('zone.toml', ZONE);
    this.#write('zone.zone', MASTER);
    this.#write('release.json', JSON.stringify(RELEASE));
    this.#write('mirrors.toml', fleet.map((mirror) => this.#mirror(mirror)).join('\n'));
    this.#write('overrides.toml', tame ? '' : this.#override('wild.oulu.example'));
    // Beside the rest, for pages name it by its path.
    fs.copyFileSync('geoip/country.mmdb', path.join(directory, 'country.mmdb'));
    this.#configure('12h', false);
  }

  #write(name, text) {
    fs.writeFileSync(path.join(this.directory, name), text);
  }

  #mirror({ host, country, address, capacity }) {
    const downtime = host === DRAINED
      ? `downtime = [{ from = ${moment(this.end - 5 * 3600)}, to = ${moment(this.end + 7200)} }]\n`
      : '';
    return `[[mirror]]\nhost = "${host}"\ncountry = "${country}"\nipv4 = ["${address}"]\n` +
      `capacity = "${capacity}"\n${downtime}`;
  }

  #override(host) {
    return `[[override]]\nhost = "${host}"\nstate = "drained"\n` +
      `reason = ${quoted(REASON)}\nuntil = ${moment(this.end + 86_400)}\n`;
  }

  /**
   * How often mirrors are checked, which says how long a check tells of the time after it; and
   * whether pages are written.
   */
  #configure(interval, page) {
    const { mirrors, dns, admin } = this.ports;
    this.#write('cvdns.toml', `[server]
listen = ["127.0.0.1:${dns}"]
workers = 1
[[zone]]
file = "zone.toml"
[geoip]
database = "country.mmdb"
[feed]
source = "feed.json"
overrides = "overrides.toml"
max-age = "12h"
[monitor]
port = ${mirrors}
release = "release.json"
${page ? 'page = "pages"' : ''}
interval = "${interval}"
confirm = 2
confirm-interval = "10ms"
connect-timeout = "5s"
timeout = "5s"
[admin]
listen = ["127.0.0.1:${admin}"]
`);
  }

  /** Runs a command to its end; what it printed. */
  async command(...words) {
    const options = { cwd: this.directory, maxBuffer: 1 << 26, env: this.#environment() };
    const { stdout } = await run(this.program, [...words, '--config', 'cvdns.toml'], options);
    return stdout;
  }

  #environment() {
    const { CVDNS_LOG, CVDNS_CONFIG, ...rest } = process.env;
    return rest;
  }

  /**
   * The coordinator's rounds at these moments, in seconds before the end. Pages are written by the
   * last one alone, for the others nobody reads.
   */
  async rounds(moments, interval, mirrors) {
    for (const before of moments) {
      this.#configure(interval, before === 0);
      await mirrors.at(before);
      await this.command('monitor', '--once', '--json', '--at', moment(this.end - before));
    }
  }

  /** Starts the server, and waits until its admin listener answers. */
  async serve() {
    const log = fs.openSync(path.join(this.directory, 'serve.log'), 'w');
    this.#server = spawn(this.program, ['serve', '--config', 'cvdns.toml'], {
      cwd: this.directory, env: this.#environment(), stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.admin = `http://127.0.0.1:${this.ports.admin}/`;
    for (let tries = 0; ; tries += 1) {
      const answer = await fetch(`${this.admin}health/ready`).catch(() => undefined);
      if (answer) return;
      if (this.#server.exitCode !== null || tries > 600) {
        throw new Error(`the server does not start:\n${this.log()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  log() {
    return fs.readFileSync(path.join(this.directory, 'serve.log'), 'utf8');
  }

  async stop() {
    if (!this.#server || this.#server.exitCode !== null) return;
    this.#server.kill('SIGTERM');
    await once(this.#server, 'exit');
  }
}
