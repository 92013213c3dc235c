// The operator's pages of a running server: their form, their looks, and what they answer.

import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { open } from './browser.mjs';
import { tabTo, type } from './keyboard.mjs';
import { look } from './looks.mjs';
import { WORK } from './modules.mjs';
import { ORIGIN } from './scene/cvdns.mjs';
import { LONG, WICKED } from './scene/fleet.mjs';
import { checked } from './validity.mjs';

const PLAIN = { scripts: false, viewport: { width: 1280, height: 800 } };
/** An address of Hungary, all of whose mirrors are out. */
const CLIENT = '193.6.1.1';

const question = (fields) => `who?${new URLSearchParams(fields)}`;

/** All of it. */
export async function operator(browser, cvdns, report, tame) {
  const base = cvdns.admin;
  const kinds = [
    ['operator', ''],
    ['operator-list', '?state=down'],
    ['operator-wrong', `?${new URLSearchParams({ state: WICKED, country: 'Q' })}`, [200, 400]],
    ['who', 'who'],
    ['who-answer', question({ name: `db.local.${ORIGIN}`, client: CLIENT })],
    ['who-record', question({ name: `current.cvd.${ORIGIN}`, type: 'TXT' })],
    ['who-wrong', question({ name: 'nobody.invalid', type: 'NO', client: WICKED, at: 'soon' }),
      [200, 400]],
    ['who-long', question({ name: LONG.slice(0, 3000), client: `${WICKED}\u202E` }), [200, 400]],
  ];
  await report.step('the operator’s pages are HTML', (fault) => forms(base, kinds, fault));
  await report.steps([
    ['who gets what, by the keyboard', (fault) => ask(browser, cvdns, fault)],
    ['a question that is wrong', (fault) => wrong(browser, base, fault)],
    ['no other site shows them in a frame', (fault) => framed(browser, base, fault)],
    ...kinds.map(([kind, name, statuses]) => [`the looks of ${kind}`, (fault) =>
      look(browser, base, { kind, url: base + name, statuses, top: tame }, fault)]),
  ]);
}

/** The pages by the checker of HTML. */
async function forms(base, kinds, fault) {
  const directory = path.join(WORK, 'operator');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory);
  for (const [kind, name, statuses = [200]] of kinds) {
    const answer = await fetch(base + name);
    if (!statuses.includes(answer.status)) fault(`${name}: status ${answer.status}`);
    fs.writeFileSync(path.join(directory, `${kind}.html`), await answer.text());
  }
  const style = await fetch(`${base}style.css`);
  fs.writeFileSync(path.join(directory, 'style.css'), await style.text());
  await checked(directory, fs.readdirSync(directory), fault);
}

/** The form filled by the keyboard alone, without scripts; the answer is that of `explain`. */
async function ask(browser, cvdns, fault) {
  const page = await open(browser, cvdns.admin, fault, PLAIN);
  await page.goto(cvdns.admin);
  await type(page, /^name/i, `db.local.${ORIGIN}`, fault);
  await type(page, /^type/i, 'A', fault);
  await type(page, /^client/i, CLIENT, fault);
  await tabTo(page, 'the button', (stop) => stop.tag === 'button', fault);
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
  if (!page.url().includes('/who?')) fault(`the form leads to ${page.url()}`);

  const words = ['explain', `db.local.${ORIGIN}`, 'A', '--client', CLIENT, '--json'];
  const told = JSON.parse(await cvdns.command(...words));
  const main = page.locator('main');
  const shown = await main.innerText();
  const { path: pools, window } = told.pools;
  const wanted = [told.location.network, `${told.scope}`, ...window.addresses];
  for (const part of wanted) if (!shown.includes(part)) fault(`it does not say ${part}: ${shown}`);
  const others = cvdns.fleet.map((mirror) => mirror.address)
    .filter((address) => !window.addresses.includes(address));
  const answered = await page.locator('table').first().innerText();
  for (const address of others) {
    if (answered.split(/\s+/).includes(address)) fault(`it answers ${address} as well`);
  }
  const names = pools.map(({ pool }) => spoken(pool));
  const at = names.map((name) => shown.lastIndexOf(name));
  if (at.some((place) => place < 0)) fault(`it does not name the pools ${names}: ${shown}`);
  const left = pools[0].members.find((member) => member.left_out);
  if (!shown.includes(left.host)) fault(`it does not say that ${left.host} is left out`);
  if (await page.locator('main svg').count() === 0) fault('the way is not on a map');
  const kept = await page.getByLabel(/^client/i).inputValue();
  if (kept !== CLIENT) fault(`the form forgot the client: ${kept}`);
  await page.context().close();
}

/** A pool as people call it. */
function spoken(pool) {
  const regions = new Intl.DisplayNames('en', { type: 'region' });
  if (/^[A-Z]{2}$/.test(pool)) return regions.of(pool);
  return pool === 'world' ? 'world' : '';
}

/** Errors stand at their fields, which keep what was typed and are named by them. */
async function wrong(browser, base, fault) {
  const statuses = [200, 400];
  const page = await open(browser, base, fault, { ...PLAIN, statuses });
  await page.goto(`${base}who`);
  await type(page, /^name/i, `db.local.${ORIGIN}`, fault);
  await type(page, /^client/i, 'not an address', fault);
  const [response] = await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  if (response.status() !== 400) fault(`the status is ${response.status()}`);
  const field = page.getByLabel(/^client/i);
  const { value, invalid, described } = await field.evaluate((box) => ({
    value: box.value,
    invalid: box.getAttribute('aria-invalid'),
    described: (box.getAttribute('aria-describedby') ?? '').split(' ')
      .map((id) => document.getElementById(id)?.innerText ?? `(no ${id})`).join(' '),
  }));
  if (value !== 'not an address') fault(`what was typed is lost: ${value}`);
  if (invalid !== 'true') fault('the field is not marked as wrong');
  if (!/address/.test(described) || /\(no /.test(described)) fault(`it is told: ${described}`);
  await page.context().close();
}

/** A page of another site cannot put the operator's page into a frame. */
async function framed(browser, base, fault) {
  const body = `<!doctype html><title>other</title><iframe src="${base}"></iframe>`;
  const other = http.createServer((_request, response) =>
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(body));
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const page = await browser.newPage();
  const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
  refused.catch(() => undefined);
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  await refused.catch(() => fault('nothing refuses the frame'));
  await page.context().close();
  other.closeAllConnections();
  other.close();
}
