/**
 * A whole review in a real browser, against a running gateway.
 *
 * Environment: BASE_URL (`npm run e2e` passes it on as REVIEW_URL, for vitest has a BASE_URL of its own), REVIEW_USER,
 * REVIEW_PASSWORD; optional REVIEW_CASE (a case's id, else the first that is ready for review and has lesions),
 * SCREENSHOT_DIR, CHROMIUM. With SCREENSHOT_DIR, `review.json` there says what was decided.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { components } from '../src/client/schema';
import palette from '../src/reading/palette.json';
import { canvasOf, coloured, count, keep, launch, required, type Box } from './browser';

type CaseDetail = components['schemas']['CaseDetail'];
type Worklist = components['schemas']['Worklist'];
type SessionInfo = components['schemas']['SessionInfo'];

const base = required('REVIEW_URL').replace(/\/$/, '');
const user = required('REVIEW_USER');
const password = required('REVIEW_PASSWORD');

let browser: Browser;
let context: BrowserContext;
let page: Page;
let caseId = '';
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
});

afterAll(async () => {
  await browser.close();
});

const pane = (name: 'prior' | 'current' | 'lesions') => page.locator(`[data-pane=${name}]`);
const lesionRow = (number: number) => page.locator(`tr[data-lesion="${number}"]`);
const saving = () => page.getByTestId('saving');

async function json<T>(address: string): Promise<T> {
  const answer = await page.request.get(`${base}${address}`);
  expect(answer.ok(), address).toBe(true);
  return (await answer.json()) as T;
}

const detail = () => json<CaseDetail>(`/api/cases/${caseId}`);

async function until(what: string, condition: () => Promise<boolean>, seconds = 20): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${what}`);
    await page.waitForTimeout(100);
  }
}

const says = (text: string) => until(text, async () => (await saving().textContent()) === text);

/** Select a lesion and wait until all three pictures have moved there. */
async function jump(number: number): Promise<void> {
  await page.getByRole('button', { name: `Show lesion ${number} in the images` }).click();
  await until(`lesion ${number} is selected`, async () => (await lesionRow(number).getAttribute('aria-current')) === 'true');
  await until('the lesion is marked', async () => (await page.locator('.mark').count()) === 3);
}

test('a wrong password is refused in words', async () => {
  await page.goto(`${base}/`);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(`${password}-not`);
  await page.keyboard.press('Enter');
  await until('a sentence', async () => ((await page.getByRole('alert').textContent()) ?? '').length > 10);
  expect(await page.getByText('Research use, not a medical device').isVisible()).toBe(true);
});

test('the worklist shows the case that is ready', async () => {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Worklist' }).waitFor();
  const { cases } = await json<Worklist>('/api/cases');
  const wanted = process.env['REVIEW_CASE'];
  const ready = cases.filter((line) => line.state === 'ready for review');
  const chosen = ready.find((line) => (wanted ? line.case_id === wanted : (line.new_lesions ?? 0) > 0));
  if (!chosen) throw new Error('no case with lesions is ready for review');
  caseId = chosen.case_id;
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/cases/${caseId}"]`) });
  await row.waitFor();
  expect(await row.textContent()).toContain('Ready for review');
  expect(await row.textContent()).toContain(`${chosen.new_lesions} new`);
  await keep(page, '1-worklist');
  await row.getByRole('link').click();
});

test('the case page shows the patient, both dates, the version and three pictures', async () => {
  await until('three pictures', async () => (await page.locator('.overlay .edge.left').count()) === 3, 60);
  const { summary, warnings } = await detail();
  const header = (await page.locator('.case header').textContent()) ?? '';
  expect(header).toContain(summary.patient.patient_id);
  expect(header).toContain(summary.version);
  expect(header).toMatch(/\d{4} → Current \d/);
  for (const warning of warnings) expect(header).toContain(warning);
  for (const name of ['prior', 'current', 'lesions'] as const) {
    expect(await pane(name).locator('.edge.left').textContent()).toMatch(/^R/);
    expect(await pane(name).locator('.edge.top').textContent()).toMatch(/^A/);
  }
  const windows = await page.locator('.overlay .bottom-right').allTextContents();
  expect(windows[2]).toBe(windows[1]);
  await keep(page, '2-case');
});

test('each lesion has its colour in the third picture only, on its own side', async () => {
  const { lesions } = await detail();
  for (const lesion of lesions.slice(0, 4)) {
    await jump(lesion.number);
    const mark = await pane('lesions').locator('.mark').boundingBox();
    const box = await pane('lesions').boundingBox();
    if (!mark || !box) throw new Error('the mark has no place');
    await until('its colour is drawn', async () => count(await canvasOf(page, 'lesions', mark), palette[lesion.change].rgb) > 0);
    expect(coloured(await canvasOf(page, 'prior'))).toBe(0);
    expect(coloured(await canvasOf(page, 'current'))).toBe(0);
    const off = (mark.x + mark.width / 2 - box.x) / box.width - 0.5;
    // Radiological display: the patient's left is on the right of the picture.
    if (Math.abs(off) > 0.08 && lesion.side !== 'midline') expect(off > 0 ? 'left' : 'right').toBe(lesion.side);
    if (lesion.number === 1) await keep(page, '3-lesion');
  }
});

/** Coloured pixels inside the mark of the third picture. */
const marked = async (clip: Box): Promise<number> => coloured(await canvasOf(page, 'lesions', clip));
const inColour = async (): Promise<number> => coloured(await canvasOf(page, 'lesions'));

test('the mark stays on the lesion in other planes and when zoomed', async () => {
  await jump(1);
  const onLesion = async () => {
    const mark = await pane('lesions').locator('.mark').boundingBox();
    return mark ? marked(mark) : 0;
  };
  for (const plane of ['Coronal', 'Sagittal', 'Axial']) {
    await page.getByRole('button', { name: plane }).click();
    await until(`the lesion inside its mark, ${plane}`, async () => (await onLesion()) > 0);
  }
  const size = (await pane('lesions').locator('.mark').boundingBox())?.width ?? 0;
  for (let i = 0; i < 3; i += 1) await page.keyboard.press('+');
  await until('a larger mark', async () => ((await pane('lesions').locator('.mark').boundingBox())?.width ?? 0) > size);
  await until('the lesion inside its mark, zoomed', async () => (await onLesion()) > 0);
  await keep(page, '3-lesion-zoomed');
  await page.keyboard.press('0');
});

test('hiding the lesions takes the colour away', async () => {
  await jump(1);
  await page.keyboard.press('h');
  await until('no colour', async () => (await inColour()) === 0);
  await page.keyboard.press('h');
  await until('colour again', async () => (await inColour()) > 0);
});

test('the three pictures scroll together and keep their planes', async () => {
  const slices = () => page.locator('.overlay').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')?.split(', ').at(-1)));
  const before = await slices();
  await pane('current').hover();
  await page.mouse.wheel(0, 100);
  await until('another slice', async () => (await slices())[0] !== before[0]);
  expect(new Set(await slices()).size).toBe(1);
  await page.getByRole('button', { name: 'Coronal' }).click();
  await until('coronal', async () => /^S/.test((await pane('prior').locator('.edge.top').textContent()) ?? ''));
  expect(await pane('lesions').locator('.edge.left').textContent()).toMatch(/^R/);
  await keep(page, '4-coronal');
  await page.getByRole('button', { name: 'Axial' }).click();
});

test('accept, reject and undo by key; a rejected lesion loses its colour', async () => {
  const { lesions } = await detail();
  await jump(1);
  await page.keyboard.press('r');
  await until('rejected', async () => ((await lesionRow(1).textContent()) ?? '').includes('rejected'));
  await says('All changes saved');
  expect((await detail()).lesions[0]?.verdict).toBe('rejected');
  await jump(1);
  const before = await inColour();
  await page.keyboard.press('u');
  await until('undone', async () => ((await lesionRow(1).textContent()) ?? '').includes('undecided'));
  await until('its colour again', async () => (await inColour()) > before);
  await page.keyboard.press('a');
  await until('accepted', async () => ((await lesionRow(1).textContent()) ?? '').includes('accepted'));
  if (lesions.length > 1) {
    expect(await lesionRow(1).getAttribute('aria-current')).toBeNull();
  }
  await says('All changes saved');
});

test('a decision outlives a lost connection', async () => {
  const { lesions } = await detail();
  const number = lesions.at(-1)?.number ?? 1;
  const wanted = lesions.length > 1 ? 'Reject' : 'Accept';
  await context.setOffline(true);
  await page.getByRole('button', { name: `${wanted} lesion ${number}` }).click();
  if (lesions.length > 1) {
    await says('Not saved, trying again');
    await keep(page, '5-offline');
  }
  await context.setOffline(false);
  await says('All changes saved');
  expect((await detail()).lesions.at(-1)?.verdict).toBe(wanted === 'Reject' ? 'rejected' : 'accepted');
});

test('a change from elsewhere is shown, not overwritten', async () => {
  const { csrf_token: token } = await json<SessionInfo>('/api/session');
  const { review } = await detail();
  const answer = await page.request.put(`${base}/api/cases/${caseId}/assessment`, {
    headers: { 'X-CSRF-Token': token },
    data: { edit: review?.edit ?? 0, acceptance: null, rating: 2, comment: '' },
  });
  expect(answer.ok()).toBe(true);
  await page.getByRole('radio', { name: 'Acceptable', exact: true }).click();
  await page.getByText('Somebody else changed this case').waitFor();
  expect(await page.getByRole('radio', { name: /^2,/ }).isChecked()).toBe(true);
  expect(await page.getByRole('radio', { name: 'Acceptable', exact: true }).isChecked()).toBe(false);
});

test('the whole is assessed, and signed with the password', async () => {
  const { lesions, summary } = await detail();
  for (const lesion of lesions.slice(1, -1)) {
    await page.getByRole('button', { name: `Accept lesion ${lesion.number}` }).click();
  }
  const sign = page.getByRole('button', { name: 'Sign …' });
  expect(await sign.isDisabled()).toBe(true);
  await page.getByRole('radio', { name: 'Acceptable', exact: true }).check();
  await page.getByRole('radio', { name: /^4,/ }).check();
  await page.getByLabel('Comment').fill('Small lesions near the edge were hard to judge.');
  await sign.click();
  const dialog = page.getByRole('dialog', { name: 'Sign the result' });
  const rejected = lesions.length > 1 ? 1 : 0;
  expect(await dialog.textContent()).toContain(summary.patient.patient_id);
  expect(await dialog.getByTestId('result').textContent()).toContain(
    `${lesions.length - rejected} of ${lesions.length} lesion`,
  );
  await keep(page, '6-sign');
  await dialog.getByLabel('Your password').fill(`${password}-not`);
  await dialog.getByRole('button', { name: 'Sign', exact: true }).click();
  await until('a sentence', async () => ((await dialog.getByRole('alert').textContent()) ?? '').length > 10);
  expect((await detail()).summary.state).toBe('ready for review');
  await dialog.getByLabel('Your password').fill(password);
  await dialog.getByRole('button', { name: 'Sign', exact: true }).click();
  await page.getByTestId('signed').waitFor();
  await dialog.waitFor({ state: 'detached' });
});

test('a signed case is read-only, and its state goes on', async () => {
  expect(await page.getByRole('button', { name: 'Sign …' }).count()).toBe(0);
  expect(await page.getByRole('button', { name: /^Accept lesion/ }).count()).toBe(0);
  const { summary, review, lesions } = await detail();
  expect(summary.state).not.toBe('ready for review');
  expect(review?.rating).toBe(4);
  expect(review?.signed_at).toBeTruthy();
  const folder = process.env['SCREENSHOT_DIR'];
  if (folder) {
    const verdicts = Object.fromEntries(lesions.map(({ number, verdict }) => [number, verdict]));
    writeFileSync(path.join(folder, 'review.json'), JSON.stringify({ case_id: caseId, verdicts, rating: 4 }, null, 1));
  }
  await page.waitForTimeout(1000);
  await keep(page, '7-signed');
  await page.getByRole('link', { name: 'Worklist', exact: true }).click();
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/cases/${caseId}"]`) });
  await row.waitFor();
  expect(await row.textContent()).not.toContain('Ready for review');
  await keep(page, '8-worklist-after');
  expect(complaints).toEqual([]);
});
