/**
 * Every page but the case page, on small and large screens: nothing overflows, axe-core finds nothing serious, and
 * every control is reached without a mouse. And signing in with an identity provider. Environment as in
 * `workplace.e2e.ts`; the gateway has a provider that lets Dr. Clara Fall in as a reader.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { findings } from './axe';
import { keep, launch } from './browser';

const base = process.env['WORKPLACE_URL'] ?? '';
const password = process.env['WORKPLACE_PASSWORD'] ?? '';
const SCREENS = { '1280': { width: 1280, height: 800 }, '4k': { width: 3840, height: 2160 } } as const;
const PAGES: readonly (readonly [string, string, string])[] = [
  ['anna', '/', 'Worklist'],
  ['anna', '/versions', 'Versions'],
  ['tina', '/scanner', 'At the scanner'],
  ['otto', '/operations', 'Operations'],
  ['otto', '/studies', 'Reading studies'],
  ['vera', '/audit', 'Audit trail'],
];

/** Two screens, each with a sign-in, on a machine that is busy. */
const LONGEST_MS = 300_000;

let browser: Browser;

async function signedIn(user: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  await page.goto(base);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return page;
}

describe.skipIf(!base)('the pages', () => {
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  test.each(PAGES)('%s at %s: small and large, light and dark', async (user, path, title) => {
    for (const [name, viewport] of Object.entries(SCREENS)) {
      const page = await signedIn(user, { viewport, colorScheme: name === '4k' ? 'dark' : 'light' });
      await page.goto(`${base}${path}`);
      await page.waitForFunction((wanted) => document.title.startsWith(wanted), title);
      await page.getByText('…', { exact: false }).first().waitFor({ state: 'hidden', timeout: 5_000 }).catch(() => undefined);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(wider, 'nothing to scroll sideways').toBeLessThanOrEqual(0);
      expect(await findings(page)).toEqual([]);
      await keep(page, `page-${title.replaceAll(' ', '-').toLowerCase()}-${name}`);
      if (name === '1280') await everyControl(page);
      await page.context().close();
    }
  }, LONGEST_MS);

  test('a reader of the provider signs in, and names nobody a password', async () => {
    const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
    await page.goto(base);
    await keep(page, 'provider-1-sign-in');
    await page.getByRole('link', { name: 'Sign in with Clinic login' }).click();
    await page.getByRole('heading', { name: 'Worklist' }).waitFor();
    await page.getByText('Dr. Clara Fall').waitFor();
    expect(page.url()).toBe(`${base}/`);
    const cookies = await page.context().cookies();
    expect(cookies.filter(({ name }) => name === 'interval_session').map(({ httpOnly, sameSite }) => [httpOnly, sameSite])).toEqual([[true, 'Strict']]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    await page.context().close();
  });
});

/** Every control that can be used is reached by the tabulator, and the one that has the focus is seen to. */
async function everyControl(page: Page): Promise<void> {
  const missed = await page.evaluate(async () => {
    const usable = 'a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), summary, textarea:not([disabled])';
    return [...document.querySelectorAll<HTMLElement>(usable)]
      .filter((one) => one.offsetParent !== null && one.tabIndex < 0)
      .map((one) => one.outerHTML.slice(0, 120));
  });
  expect(missed).toEqual([]);
  await page.keyboard.press('Tab');
  const ring = await page.evaluate(() => {
    const style = getComputedStyle(document.activeElement ?? document.body);
    return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
  });
  expect(ring, 'the focus is seen').toBe(true);
}
