/** The pages for people who use no mouse, see no colours or hear the page; environment as in `reading.e2e.ts`. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { findings } from './axe';
import { keep, launch } from './browser';
import { base, caseId, detailOf, opened, signedIn, until } from './page';

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser.close());

test.each(['light', 'dark'] as const)('axe finds nothing serious, %s', async (colorScheme) => {
  const { page, context } = await signedIn(browser, { colorScheme });
  expect(await findings(page)).toEqual([]);
  await opened(page);
  await page.keyboard.press('n');
  expect(await findings(page)).toEqual([]);
  await keep(page, `case-${colorScheme}`);
  await page.keyboard.press('e');
  await page.getByTestId('drawing').waitFor();
  expect(await findings(page)).toEqual([]);
  await context.close();
});

test('without a mouse: from the worklist to a decision and back', async () => {
  const { page, context } = await signedIn(browser);
  const link = page.locator(`a[href="/cases/${caseId}"]`).first();
  await link.focus();
  await page.keyboard.press('Enter');
  await page.locator('.toolbar button:not([disabled])').first().waitFor({ timeout: 120_000 });
  await page.keyboard.press('n');
  await page.keyboard.press('a');
  await until(page, 'a decision', async () => (await detailOf(page)).lesions.some(({ verdict }) => verdict === 'accepted'));
  await page.keyboard.press('u');
  await until(page, 'none', async () => (await detailOf(page)).lesions.every(({ verdict }) => verdict === null));
  // Every control can be reached, and the focus is seen.
  const reached = new Set<string>();
  for (let i = 0; i < 140; i += 1) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ''));
  }
  for (const name of ['Coronal', 'Blink', 'Missed lesion', 'Accept', 'Reject']) expect(reached).toContain(name);
  await context.close();
});

test('the lesions are a table that a screen reader can read', async () => {
  const { page, context } = await signedIn(browser);
  await opened(page);
  const table = page.getByRole('table', { name: 'Lesions' });
  const { lesions } = await detailOf(page);
  expect(await table.getByRole('rowheader').count()).toBe(lesions.length);
  expect(await table.getByRole('columnheader').allTextContents()).toEqual(expect.arrayContaining(['Volume', 'Before', 'Region', 'Verdict']));
  expect(await page.locator('[role=img][aria-label*="Slice"]').count()).toBe(3);
  expect(page.url()).toBe(`${base}/cases/${caseId}`);
  await context.close();
});
