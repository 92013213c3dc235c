// The modules of package.json, which tests/pages/run installs outside of the sources.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Where modules, profiles and copies of pages are. */
export const WORK = path.resolve('target/pages-test');
/** Where pictures are left. */
export const PICTURES = path.resolve('target/pages');

const require = createRequire(path.join(WORK, 'package.json'));

export const { chromium } = require('playwright-core');
/** The source of axe-core, which runs in the page. */
export const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** The Nu Html Checker, a program of Java. */
export const VNU = require.resolve('vnu-jar/build/dist/vnu.jar');
