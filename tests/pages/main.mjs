// Opens every kind of page in Chromium, and does there what a person would.
//
//   node tests/pages/main.mjs PROGRAM [--tame] [--keep]      (by tests/pages/run)
//
// A network of mirrors on loopback is checked by the real coordinator for a month of stepped time;
// its pages are served from below a path, as a web server would. A real server follows the feed and
// answers its operator. Whatever is found is told at the end; the exit status is 1 then.

import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { launch } from './browser.mjs';
import { clear } from './looks.mjs';
import { WORK } from './modules.mjs';
import { operator } from './operator.mjs';
import { Report } from './report.mjs';
import { Cvdns } from './scene/cvdns.mjs';
import { fleet, rounds } from './scene/fleet.mjs';
import { Mirrors } from './scene/mirrors.mjs';
import { visitor } from './visitor.mjs';

/**
 * Ports that nobody has: `count` of them, all different. They lie below those of clients, so that
 * no connection of a test beside takes one before it is listened on, and above those of the other
 * tests (tests/support/ports.rs).
 */
async function freePorts(count) {
  const [first, all] = [32_000, 768];
  const ports = [];
  for (let next = crypto.randomInt(all); ports.length < count; next += 1) {
    const port = first + next % all;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}

async function main() {
  const [program, ...options] = process.argv.slice(2);
  const tame = options.includes('--tame');
  const directory = fs.mkdtempSync(path.join(WORK, 'network-'));
  const report = new Report();
  const [mirrorPort, dns, admin] = await freePorts(3);
  const end = Math.floor(Date.now() / 1000);
  const ports = { mirrors: mirrorPort, dns, admin };
  const cvdns = new Cvdns(program, directory, { fleet: fleet(tame), ports, end, tame });
  const mirrors = new Mirrors(cvdns.fleet, ports.mirrors, end);
  const browser = await launch();
  clear();
  try {
    await report.step('a month of the network', async () => {
      const { month, day } = rounds();
      await cvdns.rounds(month, '12h', mirrors);
      await cvdns.rounds(day, '1h', mirrors);
      await cvdns.serve();
    });
    await visitor(browser, cvdns, report, tame);
    await operator(browser, cvdns, report, tame);
  } finally {
    await browser.close();
    await cvdns.stop();
    mirrors.close();
    if (!options.includes('--keep')) fs.rmSync(directory, { recursive: true, force: true });
  }
  return report.end();
}

process.exitCode = await main() ? 0 : 1;
