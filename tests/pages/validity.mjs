// Whether files are what their formats want: HTML, CSS and SVG by the Nu Html Checker, Atom and
// JSON by reading them.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { VNU } from './modules.mjs';

/** Properties of SVG 2 that the checker's CSS does not know. */
const KNOWN = /^CSS: “(r|vector-effect)”: Property “\1” doesn't exist/;

/** Has the Nu Html Checker look at these files, and tells of its errors and warnings. */
export async function checked(directory, names, fault) {
  const paths = names.map((name) => path.join(directory, name));
  const words = ['-Xss4m', '-jar', VNU, '--format', 'json', '--also-check-css',
    '--also-check-svg', ...paths];
  const said = await new Promise((resolve) => {
    execFile('java', words, { maxBuffer: 1 << 26 }, (error, _stdout, stderr) =>
      resolve(stderr || JSON.stringify({ messages: [], error: error?.message })));
  });
  const { messages, error } = JSON.parse(said);
  if (error) fault(`the checker does not run: ${error}`);
  for (const { type, subType, url, lastLine, message, extract } of messages) {
    // It reads files, which have no origin that 'self' could be. Chromium judges the policy.
    if (message.startsWith('Resource violates Content Security Policy')) continue;
    if (KNOWN.test(message)) continue;
    const file = path.relative(directory, new URL(url ?? 'file:///').pathname);
    fault(`${file}:${lastLine}: ${subType ?? type}: ${message}: ${JSON.stringify(extract ?? '')}`);
  }
}

/** JSON parses. */
export function json(directory, names, fault) {
  for (const name of names) {
    try {
      JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'));
    } catch (error) {
      fault(`${name}: ${error.message}`);
    }
  }
}

/** Atom feeds have what RFC 4287 wants of a feed (section 4.1.1) and of its entries (4.1.2). */
export async function atom(page, directory, names, fault) {
  for (const name of names) {
    const text = fs.readFileSync(path.join(directory, name), 'utf8');
    const faults = await page.evaluate((source) => {
      const bad = [];
      const read = new DOMParser().parseFromString(source, 'application/xml');
      const root = read.documentElement;
      if (read.querySelector('parsererror')) return [read.documentElement.textContent];
      if (root.namespaceURI !== 'http://www.w3.org/2005/Atom' || root.localName !== 'feed') {
        bad.push(`the root is ${root.nodeName}`);
      }
      const of = (parent, tag) => [...parent.children].filter((child) => child.localName === tag);
      const entries = of(root, 'entry');
      for (const part of [root, ...entries]) {
        for (const tag of ['id', 'title', 'updated']) {
          const found = of(part, tag);
          if (found.length !== 1 || !found[0].textContent.trim()) bad.push(`no one ${tag}`);
          if (tag === 'id') new URL(found[0]?.textContent);
          const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
          if (tag === 'updated' && !form.test(found[0]?.textContent)) bad.push('no moment');
        }
      }
      const authors = (part) => of(part, 'author').length;
      if (!authors(root) && !(entries.length && entries.every(authors))) bad.push('no author');
      if (!of(root, 'link').some((link) => link.getAttribute('rel') === 'self')) {
        bad.push('no link to itself');
      }
      const ids = entries.map((entry) => of(entry, 'id')[0]?.textContent);
      if (new Set(ids).size !== ids.length) bad.push('two entries with one id');
      return bad;
    }, text);
    for (const what of faults) fault(`${name}: ${what}`);
  }
}
