/**
 * The worklist's filters, the report before signing, a second reading, a reading study, the audit trail and the
 * languages, against a gateway with one case that is ready for review.
 *
 * Environment: WORKPLACE_URL, WORKPLACE_PASSWORD (of anna, berta, otto and vera); optional SCREENSHOT_DIR, CHROMIUM.
 */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { components } from '../src/client/schema';
import { indexToWorld, minus } from '../src/reading/grid';
import { keep, launch } from './browser';

const base = process.env['WORKPLACE_URL'] ?? '';
const password = process.env['WORKPLACE_PASSWORD'] ?? '';

let browser: Browser;
const complaints: string[] = [];

async function signIn(user: string, heading: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(base);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: heading }).waitFor();
  return page;
}

async function openCase(page: Page): Promise<void> {
  await page.getByRole('row').filter({ hasText: /Ready for review|second reader/ }).getByRole('link').click();
  await page.locator('.overlay .edge.left').nth(2).waitFor({ timeout: 60_000 });
}

/** Where an element lies when the page has stopped to arrange itself. */
async function atRest(element: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  let before = '';
  for (;;) {
    const box = await element.boundingBox();
    const now = JSON.stringify(box);
    if (box && now === before) return box;
    before = now;
    await element.page().waitForTimeout(300);
  }
}

describe.skipIf(!base)('the workplace', () => {
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });

  test('an operator opens a reading study of a case', async () => {
    const page = await signIn('otto', 'Worklist');
    await page.getByRole('link', { name: 'Reading studies' }).click();
    await page.getByLabel('Title').fill('Pilot');
    await page.getByLabel('Days between the phases').fill('0');
    await page.getByRole('checkbox').first().check();
    await page.getByLabel(/What is true of/).selectOption('active');
    await keep(page, 'study-1-open');
    await page.getByRole('button', { name: 'Open the study' }).click();
    await page.getByText('0 days between the phases').waitFor();
    await page.context().close();
  });

  test('a reader reads the case twice, answers the questions, and is timed', async () => {
    const page = await signIn('anna', 'Worklist');
    await page.getByRole('link', { name: 'Reading studies' }).click();
    await page.getByRole('button', { name: 'Read', exact: true }).click();
    await page.getByLabel('Years of experience').fill('7');
    await page.getByRole('button', { name: 'Keep my answers' }).click();
    for (const phase of [1, 2]) {
      await page.getByText(`Phase ${phase}, case 1 of 1`).waitFor();
      await page.locator('.overlay .edge.left').nth(2).waitFor({ timeout: 60_000 });
      await page.getByRole('radio', { name: 'active' }).check();
      await page.getByLabel('How many').fill('2');
      await page.getByRole('radio', { name: '5' }).check();
      await keep(page, `study-2-phase-${phase}`);
      await page.getByRole('button', { name: 'Sign and go on' }).click();
    }
    await page.getByLabel('Did the proposed lesions help you').fill('Yes.');
    await page.getByRole('button', { name: 'Keep my answers' }).click();
    await page.getByText('You have read every case').waitFor();
    await page.context().close();
    const results = await signIn('otto', 'Worklist');
    await results.getByRole('link', { name: 'Reading studies' }).click();
    await results.getByRole('button', { name: 'Results' }).click();
    const table = results.getByTestId('study-results');
    await table.waitFor();
    expect(await table.getByRole('row', { name: /Sensitivity/ }).textContent()).toContain('1.00');
    await keep(results, 'study-3-results');
    await results.context().close();
  });

  test('the worklist is searched and filtered', async () => {
    const page = await signIn('anna', 'Worklist');
    const rows = page.locator('tbody tr');
    await rows.nth(1).waitFor();
    await page.getByLabel('Search').fill('nobody at all');
    await page.getByText('No case matches.').waitFor();
    await page.getByLabel('Search').fill('heron');
    await rows.nth(1).waitFor();
    await page.getByRole('search').getByRole('combobox').selectOption('to read');
    expect(await rows.count()).toBe(1);
    await keep(page, 'worklist-filtered');
    await page.context().close();
  });

  test('a reader adds a missed lesion that grew: its earlier volume is measured in the registered prior', async () => {
    const page = await signIn('anna', 'Worklist');
    await openCase(page);
    const caseId = page.url().split('/').at(-1) ?? '';
    const answer = await page.request.get(`${base}/api/cases/${caseId}/images/current`);
    const header = (await answer.json()) as components['schemas']['ImageHeader'];
    const detail = async () => (await (await page.request.get(`${base}/api/cases/${caseId}`)).json()) as components['schemas']['CaseDetail'];
    const before = await detail();
    await page.getByRole('button', { name: 'Show lesion 1 in the images' }).click();
    const pane = page.locator('[data-pane=current]');
    await pane.locator('.mark').waitFor();
    await page.keyboard.press('m');
    await page.getByText('Click into the lesion that was missed').waitFor();
    // As far from the marked lesion as the scale says; the spot spans the slices of both.
    const off = minus(indexToWorld(header, [2.5, 32.5, 16.5]), indexToWorld(header, before.lesions[0]?.centroid_index ?? []));
    const mark = await atRest(pane.locator('.mark'));
    const scale = await atRest(pane.locator('svg.scale'));
    const pixelsPerMm = (scale.width - 2) / (10 * Number.parseFloat((await pane.locator('.scale-text').textContent()) ?? ''));
    await page.mouse.click(mark.x + mark.width / 2 + off[0] * pixelsPerMm, mark.y + mark.height / 2 + off[1] * pixelsPerMm);
    const bar = page.getByTestId('drawing');
    await bar.getByTestId('drawn-volume').filter({ hasText: '864 mm³' }).waitFor();
    await bar.getByLabel('Change').selectOption('growing');
    await bar.getByTestId('volume-before').filter({ hasText: '96 mm³ before' }).waitFor();
    await bar.getByTestId('drawn-volume').filter({ hasText: '768 mm³' }).waitFor();
    await keep(page, 'missed-growing');
    await bar.getByLabel('Region').selectOption('deep white matter');
    await bar.getByLabel('Side').selectOption('right');
    await bar.getByRole('button', { name: 'Add lesion' }).click();
    const number = before.lesions.length + 1;
    const row = page.locator(`tr[data-lesion="${number}"]`);
    await row.waitFor();
    expect(await row.textContent()).toContain('growing');
    expect(await row.textContent()).toContain('96 mm³');
    await page.getByTestId('saving').filter({ hasText: 'All changes saved' }).waitFor();
    const added = (await detail()).lesions.at(-1);
    expect([added?.number, added?.change, added?.prior_volume_mm3, added?.volume_mm3]).toEqual([number, 'growing', 96, 768]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await row.waitFor({ state: 'detached' });
    await page.getByTestId('saving').filter({ hasText: 'All changes saved' }).waitFor();
    await page.context().close();
  });

  test('the report is read and edited before it is signed, and a second reader is asked', async () => {
    const page = await signIn('anna', 'Worklist');
    await openCase(page);
    for (const number of [1, 2]) await page.getByRole('button', { name: `Accept lesion ${number}` }).click();
    await page.getByRole('radio', { name: 'Acceptable', exact: true }).check();
    await page.getByRole('radio', { name: /^4,/ }).check();
    await page.getByRole('radio', { name: 'stable' }).check();
    await page.getByRole('button', { name: 'Sign …' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign the result' });
    const report = dialog.getByLabel('Report');
    await report.waitFor();
    expect(await report.inputValue()).toContain('1 new and 1 growing lesions');
    await dialog.getByText('the case goes to a second reader').waitFor();
    await report.fill(`${await report.inputValue()}\n\nDiscussed on the phone.`);
    await dialog.getByText('your own words').waitFor();
    await dialog.getByLabel('Your password').fill(password);
    await keep(page, 'report-1-sign');
    await dialog.getByRole('button', { name: 'Sign', exact: true }).click();
    await page.getByTestId('second-reading').waitFor();
    await keep(page, 'report-2-waits');
    await page.context().close();
  });

  test('a second reader sees no lesion until they have read, then signs with a consensus', async () => {
    const page = await signIn('berta', 'Worklist');
    await openCase(page);
    const second = page.getByTestId('second-reading');
    await second.getByText('Look at the images alone').waitFor();
    expect(await page.getByRole('button', { name: /^Accept lesion/ }).count()).toBe(0);
    await page.getByTestId('lesions-hidden').waitFor();
    expect(await page.getByText('The pipeline found no').count()).toBe(0);
    await keep(page, 'second-1-blind');
    await second.getByRole('radio', { name: 'stable' }).check();
    await second.getByRole('button', { name: 'Keep my reading' }).click();
    await second.getByText('Your reading differs').waitFor();
    await page.getByRole('button', { name: 'Accept lesion 1' }).waitFor();
    await second.getByLabel('Agreed on').fill('Lesion 2 may be an artefact.');
    await keep(page, 'second-2-differs');
    await page.getByRole('button', { name: 'Sign …' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign the result' });
    await dialog.getByLabel('Report').waitFor();
    expect(await dialog.getByLabel('Report').inputValue()).toContain('Discussed on the phone.');
    await dialog.getByLabel('Your password').fill(password);
    await dialog.getByRole('button', { name: 'Sign', exact: true }).click();
    await page.getByText('Signed by Dr. Anna Muster').waitFor();
    await page.context().close();
  });

  test('the language is chosen and remembered', async () => {
    const page = await signIn('anna', 'Worklist');
    await page.getByLabel('Language').selectOption('Deutsch');
    await page.getByRole('heading', { name: 'Arbeitsliste' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('de');
    await page.reload();
    await page.getByText('Nur für Forschung, kein Medizinprodukt').waitFor();
    await keep(page, 'german');
    await page.getByLabel('Sprache').selectOption('Français');
    await page.getByRole('heading', { name: 'Liste de travail' }).waitFor();
    await page.context().close();
  });

  test('an auditor sees who did what, and that nothing was changed', async () => {
    const page = await signIn('vera', 'Audit trail');
    await page.getByRole('row', { name: /berta.*read blind/ }).waitFor();
    await page.getByRole('row', { name: /anna.*identity shown/ }).first().waitFor();
    await page.getByRole('button', { name: 'Check the chain' }).click();
    await page.getByText('The trail is whole').waitFor();
    expect(await page.content()).not.toContain('Demo^Interval');
    await keep(page, 'audit');
    await page.context().close();
    expect(complaints).toEqual([]);
  });
});
