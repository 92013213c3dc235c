// Chromium without a window, whose pages are watched for whatever should not happen in them.

import { chromium } from './modules.mjs';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

/** Longest wait for anything that must come, in milliseconds: a busy machine takes its time. */
const PATIENCE = 120_000;

/** Debian's Chromium, with a profile of its own that goes with it. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, headless: true,
  });
}

/**
 * A page in a context of its own. `fault` is told of messages on the console, of errors, of
 * requests to elsewhere than `base`, of answers that are errors other than `statuses`, and of what
 * the policy of the page blocked.
 */
export async function open(browser, base, fault, options = {}) {
  const { scripts = true, statuses = [200], ...rest } = options;
  const context = await browser.newContext({ javaScriptEnabled: scripts, ...rest });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.watching = true;
  const tell = (what) => page.watching && fault(`${page.url()}: ${what}`);
  page.on('console', (message) => {
    // The console also has each answer that is an error, which is judged below.
    const known = /the server responded with a status of (\d+)/.exec(message.text());
    if (!known || !statuses.includes(Number(known[1]))) {
      tell(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => tell(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    tell(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('popup', () => tell('a window was opened'));
  page.on('request', (request) => {
    if (!request.url().startsWith(base)) tell(`request outside: ${request.url()}`);
  });
  page.on('requestfailed', (request) => tell(`request failed: ${request.url()}`));
  page.on('response', (response) => {
    if (!statuses.includes(response.status())) tell(`${response.status()}: ${response.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.blocked = [];
    document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.blocked.push(event.effectiveDirective));
  });
  return page;
}

/** Whether the page's policy blocks what it must: scripts and styles in it, and all outside. */
export async function policy(page, fault) {
  const before = await page.evaluate(() => globalThis.blocked);
  if (before.length) fault(`${page.url()}: blocked by the page's own policy: ${before}`);
  page.watching = false;
  const wanted = ['script-src-elem', 'style-src-elem', 'img-src', 'frame-src', 'connect-src'];
  const after = await page.evaluate(async (directives) => {
    const put = (tag, values) => document.body.append(
      Object.assign(document.createElement(tag), values));
    put('script', { textContent: 'globalThis.hacked = 1' });
    put('script', { src: 'script.js' });
    put('style', { textContent: 'body { color: red }' });
    put('img', { src: 'http://192.0.2.1/outside.png' });
    put('iframe', { src: 'http://192.0.2.1/' });
    await fetch('network.json').catch(() => undefined);
    // Reports of violations are tasks of their own.
    const all = () => directives.every((directive) => globalThis.blocked.includes(directive));
    for (let turns = 0; turns < 6000 && !all(); turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return { blocked: globalThis.blocked, hacked: globalThis.hacked };
  }, wanted);
  for (const directive of wanted) {
    if (!after.blocked.includes(directive)) {
      fault(`${page.url()}: the policy lets through: ${directive} (it blocks ${after.blocked})`);
    }
  }
  if (after.hacked) fault(`${page.url()}: an inline script ran`);
}
