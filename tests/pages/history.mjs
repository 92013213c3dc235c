// What mirrors' pages say of the past, against what the mirrors did and what `cvdns monitor
// history` says.

import { open } from './browser.mjs';
import { wayOf } from './scene/fleet.mjs';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Most checks on a page. */
const CHECKS = 20;

/** Goes through the pages of all mirrors. */
export async function histories(browser, site, cvdns, fault) {
  const page = await open(browser, site.base, fault, { scripts: false });
  for (const mirror of cvdns.fleet) {
    await page.goto(`${site.base}mirrors/${mirror.host}/index.html`);
    const at = new Date(cvdns.end * 1000).toISOString();
    const words = ['monitor', 'history', mirror.host, '--checks', `${CHECKS}`, '--at', at];
    const told = JSON.parse(await cvdns.command(...words, '--json'));
    const shares = await page.locator('.availability h3').allInnerTexts();
    ['day', 'month', 'year'].forEach((span, n) => {
      const shown = /([\d.]+) %/.exec(shares[n] ?? '')?.[1];
      const wanted = told[span].availability;
      // Pages never round up: 99.99 % is not all.
      const percent = Math.floor(wanted * 10_000 + 1e-6) / 100;
      if (shown === undefined || Math.abs(Number(shown) - percent) > 0.005) {
        fault(`${mirror.host}: the ${span} is ${shares[n]}, and ${percent} % by the history`);
      }
    });
    past(mirror, told, fault);
    await checks(page, mirror, told, fault);
  }
  await page.context().close();
}

/** The history is what happened, as far as checks from time to time can tell. */
function past(mirror, told, fault) {
  // A month is checked every 12 hours, a day every hour; an outage has two ends.
  for (const [span, length, step] of [['day', DAY, HOUR], ['month', 30 * DAY, 12 * HOUR]]) {
    const faults = mirror.faults.filter(({ way }) => way !== 'stale');
    const moments = Array.from({ length: length / 600 }, (_, n) => n * 600);
    const bad = moments.filter((before) => faults.includes(wayOf(mirror, before))).length;
    const wanted = 1 - bad / moments.length;
    const allowed = bad ? 2 * (faults.length + 1) * (step / length) : 0;
    const found = told[span].availability;
    if (!(Math.abs(found - wanted) <= allowed + 1e-9)) {
      fault(`${mirror.host}: ${span} is ${found}, and ${wanted} ± ${allowed} of it went well`);
    }
  }
}

/** The last checks are on the page, the newest first, each with its reason. */
async function checks(page, mirror, told, fault) {
  const rows = page.locator('section[aria-labelledby="checks"] tbody tr');
  const shown = await rows.evaluateAll((all) => all.map((row) => ({
    at: Date.parse(row.querySelector('time')?.dateTime), text: row.innerText,
  })));
  const all = told.addresses.flatMap((address) => address.checks);
  const wanted = all.map((check) => Date.parse(check.at)).sort((a, b) => b - a).slice(0, CHECKS);
  if (JSON.stringify(shown.map((row) => row.at)) !== JSON.stringify(wanted)) {
    fault(`${mirror.host}: ${shown.length} checks are shown, of ${wanted.length}`);
  }
  const plain = all.find((check) => /^[\w ./:]+$/.test(check.reason));
  if (plain && !shown.some((row) => row.text.includes(plain.reason))) {
    fault(`${mirror.host}: no check says: ${plain.reason}`);
  }
}
