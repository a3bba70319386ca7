/**
 * Blind ratings of reference cases by two readers, what an operator then gives the gate, and drift on two pages; against
 * a gateway with two reference cases, and with results in use whose run time rose.
 *
 * Environment: RATINGS_URL, RATINGS_PASSWORD (of anna, berta and otto); optional SCREENSHOT_DIR, CHROMIUM.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { keep, launch } from './browser';

const base = process.env['RATINGS_URL'] ?? '';
const password = process.env['RATINGS_PASSWORD'] ?? '';

let browser: Browser;

async function signIn(user: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
  const page = await context.newPage();
  page.setDefaultTimeout(80_000);
  await page.goto(base);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Worklist' }).waitFor();
  return page;
}

describe.skipIf(!base)('ratings of reference cases', () => {
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });

  test('two readers rate every result once, and nothing tells them the version', async () => {
    for (const [user, rating] of [
      ['anna', 4],
      ['berta', 5],
    ] as const) {
      const page = await signIn(user);
      await page.getByRole('link', { name: 'Versions' }).click();
      await page.getByText('2 results of reference cases to rate.').waitFor();
      await page.getByRole('button', { name: 'Rate', exact: true }).click();
      for (const left of ['2 results to rate', '1 result to rate']) {
        await page.getByText(left, { exact: true }).waitFor();
        await page.locator('.overlay .edge.left').nth(2).waitFor();
        expect(await page.locator('main').textContent()).not.toContain('9.9.9');
        await page.getByRole('radio', { name: 'Acceptable', exact: true }).check();
        await page.getByRole('radio', { name: String(rating), exact: true }).check();
        await keep(page, `ratings-${user}-${left.slice(0, 1)}`);
        await page.getByRole('button', { name: 'Keep and go on' }).click();
      }
      await page.getByTestId('all-rated').waitFor();
      await page.context().close();
    }
  }, 300_000);

  test('an operator takes the ratings for the gate and sees what drifts', async () => {
    const page = await signIn('otto');
    const given = await page.request.get(`${base}/api/releases/ratings`);
    expect(((await given.json()) as { rating: number }[]).map(({ rating }) => rating)).toEqual([4, 4, 5, 5]);
    await page.getByRole('link', { name: 'Operations' }).click();
    await page.getByTestId('drift').getByText(/run time rose/).waitFor();
    await keep(page, 'drift-operations');
    await page.getByRole('link', { name: 'In use' }).click();
    await page.locator('figure').first().waitFor();
    await keep(page, 'drift-versions');
    const figures = page.getByLabel('Show');
    for (const name of ['accepted', 'rating', 'lesions rejected by readers', 'lesions added by readers', 'run time']) {
      await figures.selectOption(name);
      await page.locator('figure').first().waitFor();
      await keep(page, `chart-${name.replaceAll(' ', '-')}`);
    }
    await page.context().close();
  }, 300_000);
});
