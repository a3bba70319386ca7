/**
 * A tumour over three time points: read by eye, its parts accepted, the volumes compared, signed; then the years' page
 * with its exports. Against a gateway with two accepted measurements of the patient.
 *
 * Environment: REVIEW_URL, REVIEW_CASE, REVIEW_USER, REVIEW_PASSWORD; optional SCREENSHOT_DIR, CHROMIUM.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { canvasOf, coloured, keep, launch, meanOf, type PaneName } from './browser';

const base = process.env['REVIEW_URL'] ?? '';
const caseId = process.env['REVIEW_CASE'] ?? '';
const PANES: readonly PaneName[] = ['prior', 'current', 'lesions'];
const PATIENCE_MS = 120_000;

let browser: Browser;

async function signedIn(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(base);
  await page.locator('input[autocomplete=username]').fill(process.env['REVIEW_USER'] ?? '');
  await page.locator('input[type=password]').fill(process.env['REVIEW_PASSWORD'] ?? '');
  await page.keyboard.press('Enter');
  await page.locator('input[type=password]').waitFor({ state: 'detached' });
  await page.goto(`${base}/cases/${caseId}`);
  return page;
}

const pictures = (page: Page) => page.locator('.overlay .edge.left').nth(2).waitFor();

describe.skipIf(!base || !caseId)('a tumour over three time points', () => {
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });

  test('all three studies are read by eye before an outline or a volume is shown', async () => {
    for (const [locale, scheme] of [['de-DE', 'dark'], ['fr-FR', 'light']] as const) {
      const page = await signedIn({ locale, colorScheme: scheme });
      await pictures(page);
      await keep(page, `tumour-1-eye-${locale.slice(0, 2)}`);
      await page.context().close();
    }
    const page = await signedIn();
    await pictures(page);
    expect(await page.locator('main').textContent()).not.toMatch(/\d ml/);
    for (const pane of PANES) {
      const canvas = await canvasOf(page, pane);
      expect(meanOf(canvas), pane).toBeGreaterThan(1);
      expect(coloured(canvas), `${pane} shows no outline`).toBe(0);
    }
    await page.getByRole('button', { name: 'Measure' }).click();
    const box = await page.locator('[data-pane=lesions] canvas').boundingBox();
    if (!box) throw new Error('no picture');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    for (const [dx, dy] of [[60, 0], [0, 30]] as const) {
      await page.mouse.move(x - dx, y - dy);
      await page.mouse.down();
      await page.mouse.move(x + dx, y + dy, { steps: 4 });
      await page.mouse.up();
    }
    const longest = Number(await page.locator('input[name=longest]').inputValue());
    const across = Number(await page.locator('input[name=across]').inputValue());
    expect(longest / across).toBeCloseTo(2, 1);
    expect(await page.getByTestId('eye-reading').textContent()).toContain('cross at 90°');
    await page.getByRole('radio', { name: 'larger' }).check();
    await keep(page, 'tumour-1-eye-en');
    await page.getByRole('button', { name: 'Keep and show the outlines' }).click();
    await page.getByTestId('risk').waitFor();
    await page.context().close();
  }, 400_000);

  test('the parts are accepted, the volumes compared, and the case is signed', async () => {
    const page = await signedIn();
    await pictures(page);
    await page.locator('[data-part="3"] button').first().click();
    await expect.poll(async () => coloured(await canvasOf(page, 'lesions')), { timeout: PATIENCE_MS }).toBeGreaterThan(20);
    for (const pane of PANES) expect(meanOf(await canvasOf(page, pane)), pane).toBeGreaterThan(1);
    await keep(page, 'tumour-2-outlines-en');
    await page.locator('[data-part="1"]').getByRole('button', { name: 'Reject' }).click();
    for (const part of [1, 2, 3]) await page.locator(`[data-part="${part}"]`).getByRole('button', { name: 'Accept' }).click();
    expect(await page.getByTestId('growth').count()).toBe(0);
    await page.getByRole('radio', { name: 'Acceptable', exact: true }).check();
    await page.getByRole('radio', { name: /^4/ }).check();
    const growth = page.getByTestId('growth');
    await growth.waitFor();
    expect(await growth.getByRole('row', { name: /Whole tumour/ }).first().textContent()).toMatch(/\+47 %.*more/s);
    const sign = page.getByRole('button', { name: 'Sign', exact: false }).last();
    expect(await sign.isDisabled()).toBe(true);
    const choices = page.getByTestId('volume-reading');
    await choices.getByRole('radio', { name: 'unchanged' }).check();
    await choices.getByText('a second reader will read them first').waitFor();
    await choices.getByRole('radio', { name: 'larger' }).check();
    await growth.scrollIntoViewIfNeeded();
    await keep(page, 'tumour-3-volumes-en');
    await expect.poll(() => sign.isDisabled(), { timeout: PATIENCE_MS }).toBe(false);
    await sign.click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('input[type=password]').fill(process.env['REVIEW_PASSWORD'] ?? '');
    await keep(page, 'tumour-4-sign-en');
    await dialog.getByRole('button', { name: /Sign/ }).click();
    await page.getByTestId('signed').waitFor();
    await page.context().close();
  }, 400_000);

  test('the page over the years shows three measurements and lets them leave', async () => {
    for (const [locale, scheme] of [['en-GB', 'light'], ['de-DE', 'dark'], ['fr-FR', 'light']] as const) {
      const page = await signedIn({ locale, colorScheme: scheme });
      await page.goto(`${base}/cases/${caseId}/timeline`);
      await page.getByTestId('growth').waitFor();
      expect(await page.locator('svg circle').count()).toBe(3 * 5);
      await keep(page, `tumour-5-years-${locale.slice(0, 2)}`);
      if (locale === 'en-GB') {
        const table = await page.request.get(`${base}/api/cases/${caseId}/timeline.csv`);
        expect((await table.text()).split('\n').filter((line) => line.includes('whole tumour'))).toHaveLength(3);
        const fhir = await page.request.get(`${base}/api/cases/${caseId}/fhir`);
        expect(((await fhir.json()) as { resourceType: string }).resourceType).toBe('Bundle');
      }
      await page.context().close();
    }
  }, 400_000);
});
