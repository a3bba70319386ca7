/** A signed-in reader's page on one case, and what the browser tests ask of it. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

import type { components } from '../src/client/schema';
import { required } from './browser';

export type CaseDetail = components['schemas']['CaseDetail'];
export type Outlines = components['schemas']['Outlines'];
export type Header = components['schemas']['ImageHeader'];

export const base = required('REVIEW_URL').replace(/\/$/, '');
export const caseId = required('REVIEW_CASE');

export async function signedIn(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  await page.goto(`${base}/`);
  await page.getByLabel('User name').fill(required('REVIEW_USER'));
  await page.getByLabel('Password').fill(required('REVIEW_PASSWORD'));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Worklist' }).waitFor();
  return { context, page };
}

export async function opened(page: Page): Promise<void> {
  await page.goto(`${base}/cases/${caseId}`);
  await page.locator('.toolbar button:not([disabled])').first().waitFor({ timeout: 120_000 });
  await until(page, 'three pictures', async () => (await page.locator('.overlay .edge.left').count()) === 3);
}

export async function until(page: Page, what: string, condition: () => Promise<boolean>, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${what}`);
    await page.waitForTimeout(100);
  }
}

export async function json<T>(page: Page, address: string): Promise<T> {
  const answer = await page.request.get(`${base}${address}`);
  expect(answer.ok(), address).toBe(true);
  return (await answer.json()) as T;
}

export const detailOf = (page: Page): Promise<CaseDetail> => json(page, `/api/cases/${caseId}`);
export const outlinesOf = (page: Page): Promise<Outlines> => json(page, `/api/cases/${caseId}/outlines`);

export async function bytesOf(page: Page, image: string): Promise<{ header: Header; bytes: Buffer }> {
  const address = `/api/cases/${caseId}/images/${image}`;
  const answer = await page.request.get(`${base}${address}/pixels`);
  return { header: await json<Header>(page, address), bytes: await answer.body() };
}

/** Select a lesion and wait until all three pictures have moved there. */
export async function jump(page: Page, number: number): Promise<void> {
  await page.getByRole('button', { name: `Show lesion ${number} in the images` }).click();
  await until(page, 'the lesion is marked', async () => (await page.locator('.mark').count()) === 3);
}
