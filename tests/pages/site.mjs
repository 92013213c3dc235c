// A web server for the written pages, below a path of its own, as any web server would serve them.

import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

/** Below which path the directory is served: links that begin with `/` would leave it. */
const BELOW = '/mirrors/status/';

/** Media types by extension, as in nginx's mime.types. */
const TYPES = {
  html: 'text/html',
  css: 'text/css',
  svg: 'image/svg+xml',
  atom: 'application/atom+xml',
  json: 'application/json',
  png: 'image/png',
};

/** Serves a directory; `missing` are the requests that found nothing there. */
export class Site {
  missing = [];

  static async of(directory) {
    const site = new Site();
    site.server = http.createServer((request, response) =>
      site.#answer(directory, request, response));
    site.server.listen(0, '127.0.0.1');
    await once(site.server, 'listening');
    site.base = `http://127.0.0.1:${site.server.address().port}${BELOW}`;
    return site;
  }

  #answer(directory, request, response) {
    const { pathname } = new URL(request.url, 'http://site.invalid');
    let file = pathname.startsWith(BELOW) &&
      path.join(directory, decodeURIComponent(pathname.slice(BELOW.length)));
    if (file && fs.existsSync(file) && fs.statSync(file).isDirectory()) {
      file = pathname.endsWith('/') && path.join(file, 'index.html');
    }
    if (!file || !fs.existsSync(file)) {
      this.missing.push(request.url);
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[path.extname(file).slice(1)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type }).end(fs.readFileSync(file));
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** All files below a directory, relative to it. */
export function files(directory) {
  return fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}
