// What holds for every page: at each width, light and dark, for everyone.

import fs from 'node:fs';
import path from 'node:path';

import { open, policy } from './browser.mjs';
import { AXE, PICTURES } from './modules.mjs';
import { LONG } from './scene/fleet.mjs';

const WIDTHS = [360, 768, 1280];
const SCHEMES = ['light', 'dark'];
/** WCAG 2.2, success criterion 1.4.10: content reflows at 320 CSS pixels. */
const NARROWEST = 320;
const HEIGHT = 800;
/** Height of pictures that show the top of a page. */
const TOP = 1500;
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** The longest run of characters without a space that a page may show. */
const LONGEST_WORD = 300;

/**
 * Looks at one page from all sides. `kind` names the pictures, `statuses` is what the server may
 * answer with, and `top` whether its pictures show no more than one first reads.
 */
export async function look(browser, base, { kind, url, statuses, top }, fault) {
  const page = await open(browser, base, fault, { statuses });
  await page.goto(url);
  await harmless(page, fault);
  await page.evaluate(AXE);
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      const at = `${url} at ${width}, ${scheme}`;
      await fits(page, at, fault);
      await accessible(page, at, fault);
      await picture(page, `${kind}-${width}-${scheme}.png`, top);
    }
    await painted(page, scheme, url, fault);
  }
  await page.setViewportSize({ width: NARROWEST, height: HEIGHT });
  await fits(page, `${url} at ${NARROWEST}`, fault);
  await page.emulateMedia({ media: 'print', colorScheme: 'light' });
  await accessible(page, `${url} in print`, fault, { type: 'rule', values: ['color-contrast'] });
  await page.emulateMedia({ media: 'screen' });
  await policy(page, fault);
  await page.context().close();
}

/** A picture of the page: all of it, or its `top`. */
async function picture(page, name, top) {
  const [width, height] = await page.evaluate(() =>
    [innerWidth, document.documentElement.scrollHeight]);
  const clip = top ? { x: 0, y: 0, width, height: Math.min(height, TOP) } : undefined;
  // Hiding the caret would put an attribute into the page.
  const file = path.join(PICTURES, name);
  await page.screenshot({ path: file, fullPage: true, clip, caret: 'initial' });
}

/** The page must not scroll sideways: only boxes inside of it may. */
async function fits(page, at, fault) {
  const { wide, by } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.scrollingElement;
    const out = (box) => box.getBoundingClientRect().right > clientWidth + 1;
    const inBox = (box) => box.parentElement?.closest('.scroll, svg');
    const boxes = [...document.body.querySelectorAll('*')];
    const guilty = boxes.filter((box) => out(box) && !inBox(box));
    return {
      wide: scrollWidth > clientWidth ? `${scrollWidth} in ${clientWidth}` : '',
      by: guilty.slice(0, 3).map((box) => box.outerHTML.slice(0, 160)),
    };
  });
  if (wide) fault(`${at}: scrolls sideways (${wide}): ${by.join(' | ')}`);
}

/** axe-core has nothing to say. */
async function accessible(page, at, fault, rules = { type: 'tag', values: RULES }) {
  const violations = await page.evaluate(async (runOnly) => {
    const options = { runOnly, resultTypes: ['violations'] };
    return (await globalThis.axe.run(document, options)).violations;
  }, rules);
  for (const { id, help, nodes } of violations) {
    const [{ html, failureSummary }] = nodes;
    const why = failureSummary.replaceAll(/\s+/g, ' ').slice(0, 300);
    fault(`${at}: ${id} (${help}) at ${nodes.length}: ${html.slice(0, 200)}: ${why}`);
  }
}

/** Light pages are light and dark ones dark, whatever the words of the style sheet. */
async function painted(page, scheme, url, fault) {
  const channels = await page.evaluate(() => {
    const boxes = [document.body, document.documentElement];
    const colours = boxes.map((box) => getComputedStyle(box).backgroundColor);
    const opaque = colours.find((colour) => !/, 0\)$/.test(colour) && colour !== 'transparent');
    return (opaque ?? '').match(/[\d.]+/g)?.slice(0, 3).map(Number);
  });
  const mean = channels && channels.reduce((sum, channel) => sum + channel, 0) / 3;
  if (mean === undefined || (mean > 127) !== (scheme === 'light')) {
    fault(`${url}: its background in ${scheme} is ${channels}`);
  }
}

/** Nothing of what hostile mirrors and operators say became a part of the page. */
async function harmless(page, fault) {
  const found = await page.evaluate(({ longest, signs }) => {
    const bad = [];
    const all = [...document.querySelectorAll('*')];
    const name = (box) => box.outerHTML.slice(0, 160);
    const foreign = (box) => ['SCRIPT', 'STYLE', 'IFRAME', 'OBJECT', 'EMBED'].includes(box.tagName);
    for (const box of all) {
      if (foreign(box)) bad.push(`an element: ${name(box)}`);
      for (const { name: key, value } of box.attributes) {
        if (key.startsWith('on') || key === 'style') bad.push(`an attribute: ${name(box)}`);
        if (/^\s*(javascript|data|vbscript):/i.test(value)) bad.push(`a link: ${name(box)}`);
        if (new RegExp(signs, 'u').test(value)) bad.push(`a control character: ${name(box)}`);
      }
    }
    const text = document.documentElement.textContent;
    const sign = new RegExp(`.{0,40}${signs}`, 'u').exec(text);
    if (sign) bad.push(`a control character in the text: ${JSON.stringify(sign[0])}`);
    const shown = document.body.innerText.split(/\s+/).find((word) => word.length > longest);
    if (shown) bad.push(`a word of ${shown.length} characters: ${shown.slice(0, 40)}…`);
    if (globalThis.hacked) bad.push('a script of a mirror ran');
    return bad;
  }, { longest: LONGEST_WORD, signs: SIGNS });
  for (const what of new Set(found)) fault(`${page.url()}: ${what}`);
  if ((await page.content()).includes(LONG.slice(0, 2 * LONGEST_WORD))) {
    fault(`${page.url()}: a text of ten thousand characters is not cut`);
  }
}

/** Control characters, and those that turn the direction of writing or show nothing. */
const SIGNS = '[\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u061C\\u200B-\\u200F' +
  '\\u202A-\\u202E\\u2060-\\u2069\\uFEFF]';

/** Takes away the pictures of an earlier run. */
export function clear() {
  fs.rmSync(PICTURES, { recursive: true, force: true });
  fs.mkdirSync(PICTURES, { recursive: true });
}
