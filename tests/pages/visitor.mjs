// The network's pages: their form, their looks, and what visitors find in them.

import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { open } from './browser.mjs';
import { histories } from './history.mjs';
import { follow, tabTo } from './keyboard.mjs';
import { look } from './looks.mjs';
import { ORIGIN } from './scene/cvdns.mjs';
import { DOWN, DRAINED, HOSTILE, OLD, REMOVED, UP } from './scene/fleet.mjs';
import { Site, files } from './site.mjs';
import { atom, checked, json } from './validity.mjs';

/** Most octets of the front page, compressed. */
const FRONT = 100_000;
/** A person at a desk, without scripts. */
const PLAIN = { scripts: false, viewport: { width: 1280, height: 800 } };

const country = new Intl.DisplayNames('en', { type: 'region' });
const text = (page, selector) => page.locator(selector).first().innerText();

/** All of it. */
export async function visitor(browser, cvdns, report, tame) {
  const site = await Site.of(cvdns.pages);
  const written = files(cvdns.pages);
  try {
    await report.step('the files are what their formats want', (fault) =>
      forms(browser, site, cvdns.pages, written, fault));
    await report.step('every link leads somewhere', (fault) =>
      links(browser, site, cvdns.pages, written, fault));
    await report.steps([
      ['the network at a glance', (fault) => glance(browser, site, cvdns, fault)],
      ['the admin of a mirror that was removed', (fault) => admin(browser, site, cvdns, fault)],
      ['the states of mirrors', (fault) => states(browser, site, cvdns, fault)],
      ['the past of mirrors', (fault) => histories(browser, site, cvdns, fault)],
      ...kinds(tame).map(([kind, name]) => [`the looks of ${kind}`, (fault) =>
        look(browser, site.base, { kind, url: site.base + name, top: tame }, fault)]),
    ]);
    await report.step('the web server was asked for nothing else', (fault) =>
      site.missing.forEach((missing) => fault(`it has no ${missing}`)));
  } finally {
    site.close();
  }
}

/** A page of each kind. */
function kinds(tame) {
  const mirror = (host) => `mirrors/${host}/index.html`;
  return [
    ['front', 'index.html'],
    ['all-mirrors', 'mirrors.html'],
    ['country', 'countries/DE.html'],
    ['country-out', 'countries/HU.html'],
    ['country-without', 'countries/IS.html'],
    ['mirror-up', mirror(UP)],
    ['mirror-down', mirror(DOWN)],
    ['mirror-old', mirror(OLD)],
    ['mirror-drained', mirror(DRAINED)],
    ['mirror-removed', mirror(REMOVED)],
    ...(tame ? [] : HOSTILE.map(([host], n) => [`mirror-hostile-${n}`, mirror(host)])),
  ];
}

/** Each file by the checker of its format; the front page is small. */
async function forms(browser, site, directory, written, fault) {
  const of = (...ends) => written.filter((name) => ends.some((end) => name.endsWith(end)));
  for (const [end, least] of [['.html', 30], ['.svg', 20], ['.atom', 20], ['.json', 20]]) {
    if (of(end).length < least) fault(`only ${of(end).length} files *${end}`);
  }
  const page = await open(browser, site.base, fault);
  await page.goto(site.base);
  await Promise.all([
    checked(directory, of('.html', '.svg', '.css'), fault),
    atom(page, directory, of('.atom'), fault),
  ]);
  json(directory, of('.json'), fault);
  await page.context().close();
  const front = gzipSync(fs.readFileSync(path.join(directory, 'index.html'))).length;
  if (front > FRONT) fault(`the front page has ${front} octets, compressed`);
}

/** Links, pictures and forms lead to files that are there, and to places in them. */
async function links(browser, site, directory, written, fault) {
  const page = await open(browser, site.base, fault);
  await page.goto(site.base);
  const places = new Map();
  const wanted = [];
  for (const name of written.filter((file) => file.endsWith('.html'))) {
    const found = await page.evaluate((source) => {
      const read = new DOMParser().parseFromString(source, 'text/html');
      const of = (selector, key) =>
        [...read.querySelectorAll(selector)].map((box) => box.getAttribute(key));
      const leads = [...of('[href]', 'href'), ...of('[src]', 'src'), ...of('[action]', 'action')];
      return { ids: of('[id]', 'id'), leads };
    }, fs.readFileSync(path.join(directory, name), 'utf8'));
    places.set(name, new Set(found.ids));
    if (new Set(found.ids).size !== found.ids.length) fault(`${name}: an id is there twice`);
    for (const lead of found.leads) wanted.push([name, lead]);
  }
  await page.context().close();
  const reached = new Set(['index.html']);
  for (const [name, lead] of wanted) {
    const url = new URL(lead, new URL(name, site.base));
    const to = decodeURIComponent(url.href.slice(site.base.length).split(/[?#]/)[0]);
    const file = to.endsWith('/') || !to ? `${to}index.html` : to;
    const place = decodeURIComponent(url.hash.slice(1));
    if (!url.href.startsWith(site.base)) fault(`${name}: a link leaves the directory: ${lead}`);
    else if (!written.includes(file)) fault(`${name}: a link to nothing: ${lead}`);
    else if (place && !places.get(file)?.has(place)) fault(`${name}: no such place: ${lead}`);
    reached.add(file);
  }
  const lost = [...places.keys()].filter((name) => !reached.has(name));
  if (lost.length) fault(`no link leads to ${lost.slice(0, 5).join(', ')}`);
}

/** What one sees first: how many mirrors are in which state, the record, the release. */
async function glance(browser, site, cvdns, fault) {
  const page = await open(browser, site.base, fault, PLAIN);
  await page.goto(site.base);
  const feed = JSON.parse(fs.readFileSync(path.join(cvdns.directory, 'feed.json'), 'utf8'));
  const shown = await text(page, 'main');
  for (const state of ['up', 'old', 'down', 'removed']) {
    const count = Object.values(feed.mirrors).filter((mirror) => mirror.state === state).length;
    const away = state === 'up' ? feedDrained(cvdns, feed) : 0;
    if (!new RegExp(`\\b${count - away}\\s+${state}\\b`).test(shown)) {
      fault(`${count - away} ${state} is not on the front page: ${shown.slice(0, 400)}`);
    }
  }
  const record = JSON.parse(await cvdns.command('explain', `current.cvd.${ORIGIN}`, '--json'));
  const [, txt] = /"(.+)"/.exec(record.answer.records[0]);
  const fields = txt.split(':');
  // The fourth field is the half hour, which a written page cannot follow.
  for (const part of [fields.slice(0, 3).join(':'), fields.slice(4).join(':')]) {
    if (!shown.includes(part)) fault(`the record ${txt} is not on the front page`);
  }
  await page.context().close();
}

/** Mirrors that the feed has up, and a downtime or an override takes out. */
function feedDrained(cvdns, feed) {
  const hosts = [DRAINED, 'wild.oulu.example'];
  return hosts.filter((host) => feed.mirrors[host]?.state === 'up').length;
}

/** By the keyboard alone, without scripts: from the front page to why the mirror is out. */
async function admin(browser, site, cvdns, fault) {
  const page = await open(browser, site.base, fault, PLAIN);
  await page.goto(site.base);
  await tabTo(page, 'the skip link', (stop) => stop.href === '#content', fault);
  await page.keyboard.press('Enter');
  const hungary = country.of('HU');
  await follow(page, hungary, (stop) => stop.text === hungary, fault);
  const asked = JSON.parse(await cvdns.command('explain', `db.hu.${ORIGIN}`, 'A', '--json'));
  const next = country.of(asked.pools.path.find((pool) => pool.usable > 0).pool);
  const shown = await text(page, 'main');
  if (!shown.includes(next)) fault(`the page of ${hungary} does not name ${next}: ${shown}`);
  await follow(page, REMOVED, (stop) => stop.text === REMOVED, fault);

  const feed = JSON.parse(fs.readFileSync(path.join(cvdns.directory, 'feed.json'), 'utf8'));
  const { state, since, note } = feed.mirrors[REMOVED];
  const told = await text(page, 'main');
  const wanted = [REMOVED, state, note, 'connection is refused', 'What to do'];
  for (const part of wanted) {
    if (!told.includes(part)) fault(`the mirror's page does not say: ${part}: ${told}`);
  }
  const moments = await page.locator('main time').evaluateAll((all) =>
    all.map((time) => Date.parse(time.dateTime)));
  if (!moments.includes(Date.parse(since))) fault(`the mirror's page does not say since ${since}`);
  await page.context().close();
}

/** The state of each mirror is in its title and before everything else, with its badge. */
async function states(browser, site, cvdns, fault) {
  const page = await open(browser, site.base, fault, { viewport: { width: 360, height: 640 } });
  const wanted = { [UP]: 'up', [DOWN]: 'down', [OLD]: 'old', [REMOVED]: 'removed' };
  for (const [host, state] of Object.entries({ ...wanted, [DRAINED]: 'drained' })) {
    await page.goto(`${site.base}mirrors/${host}/index.html`);
    const title = await page.title();
    if (!title.includes(host) || !title.includes(state)) fault(`${host}: the title is ${title}`);
    const said = page.locator('main').getByText(state, { exact: true }).first();
    const box = await said.boundingBox();
    // The first screen of a phone.
    if (!box || box.y + box.height > 640) fault(`${host}: ${state} is not in sight at once`);
    const badge = page.locator('img[src$=".svg"]').first();
    const { width, alt } = await badge.evaluate((image) =>
      ({ width: image.naturalWidth, alt: image.alt }));
    if (!width || !alt) fault(`${host}: the badge does not load (${width}), or has no words`);
    const svg = fs.readFileSync(path.join(cvdns.pages, 'mirrors', host, 'badge.svg'), 'utf8');
    if (!svg.includes(state)) fault(`${host}: its badge says ${svg}`);
  }
  await page.context().close();
}
