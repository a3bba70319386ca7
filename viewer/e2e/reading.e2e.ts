/**
 * The images of a case in a real browser, and the reader's outlines: everything that is changed is taken back.
 *
 * Environment as in `review.e2e.ts`, with REVIEW_CASE; WITH_T1 and WITH_EARLIER say that the case has a T1 series and a
 * study before the prior.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import palette from '../src/reading/palette.json';
import { anatomicalAxes, dot, indexToWorld, minus, scaled, vector } from '../src/reading/grid';
import { canvasOf, coloured, count, keep, launch, meanOf, WITHOUT_WEBGL, type Box, type PaneName } from './browser';
import { base, bytesOf, caseId, detailOf, jump, opened, outlinesOf, signedIn, until } from './page';

let browser: Browser;
let context: BrowserContext;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await launch();
  ({ context, page } = await signedIn(browser));
  page.on('pageerror', (error) => complaints.push(error.message));
  await opened(page);
});

afterAll(() => browser.close());

const pane = (name: PaneName) => page.locator(`[data-pane=${name}]`);
const shows = (name: PaneName, image: string) =>
  until(page, `${name} shows ${image}`, async () => (await pane(name).getAttribute('data-image')) === image && (await pane(name).locator('.waiting').count()) === 0);
const texts = (selector: string) => page.locator(`.overlay ${selector}`).allTextContents();
const row = (number: number) => page.locator(`tr[data-lesion="${number}"]`);
const saved = () => until(page, 'all is saved', async () => (await page.getByTestId('saving').textContent()) === 'All changes saved');
/** Where the selected lesion's mark stands, when the page's layout has come to rest. */
async function markIn(name: PaneName): Promise<Box> {
  let before = '';
  let box: Box | null = null;
  await until(page, 'the mark stands still', async () => {
    box = await pane(name).locator('.mark').boundingBox();
    const same = JSON.stringify(box) === before;
    before = JSON.stringify(box);
    return same && box !== null;
  });
  if (!box) throw new Error('the mark has no place');
  return box;
}
const different = async (name: PaneName, before: Uint8Array) => {
  const { rgba } = await canvasOf(page, name);
  return rgba.some((value, i) => value !== before[i]);
};

describe('images', () => {
  test('date, scanner, slice, scale and letters stand on every picture', async () => {
    await until(page, 'the scanners', async () => (await texts('.top-left')).every((text) => / T$/.test(text.trim())));
    expect(await texts('.edge.left')).toEqual(['R', 'R', 'R']);
    expect(new Set(await texts('.bottom-left')).size).toBe(1);
    expect(await texts('.scale-text')).toEqual(['5 cm', '5 cm', '5 cm']);
    for (const text of await texts('.top-left')) expect(text).toMatch(/\d{4}/);
    await keep(page, 'reading-1');
  });

  test.runIf(process.env['WITH_T1'])('T1 of both studies is shown, and goes back to FLAIR', async () => {
    const flair = await canvasOf(page, 'current');
    await page.getByRole('button', { name: 'T1', exact: true }).click();
    await shows('prior', 'prior-T1');
    await shows('current', 'current-T1');
    await until(page, 'another picture', () => different('current', flair.rgba));
    await keep(page, 'reading-t1');
    await page.getByRole('button', { name: 'FLAIR', exact: true }).click();
    await shows('current', 'current');
    await until(page, 'the same picture', async () => !(await different('current', flair.rgba)));
  });

  test.runIf(process.env['WITH_T1'])('each series in its own slices, at the same place, with the lesions where they are', async () => {
    const { lesions } = await detailOf(page);
    const added = lesions.find(({ change }) => change === 'new');
    if (!added) throw new Error('the case has no new lesion');
    await page.getByRole('button', { name: 'T1', exact: true }).click();
    await shows('prior', 'prior-T1');
    await jump(page, added.number);
    const resampled = await canvasOf(page, 'prior');
    const slices = await texts('.bottom-left');
    await page.keyboard.press('o');
    await shows('prior', 'prior-T1-own');
    await shows('current', 'current-T1-own');
    for (const [at, name] of ['prior-T1-own', 'current-T1-own'].entries()) {
      const { header } = await bytesOf(page, name);
      // Which of its axes runs from feet to head is the series' own affair.
      const along = header.directions.map((direction) => Math.abs(direction[2] ?? 0));
      const apart = header.spacing_mm[2 - along.indexOf(Math.max(...along))] ?? 0;
      expect((await texts('.bottom-left'))[at]).toContain(`${apart.toFixed(1)} mm apart`);
    }
    expect((await texts('.bottom-left'))[1]).not.toBe(slices[1]);
    // The same head at the same place, though its slices are others.
    await until(page, 'the same place', async () => correlation(resampled.rgba, (await canvasOf(page, 'prior')).rgba) > 0.85);
    const mark = await markIn('lesions');
    await until(page, 'the lesion inside its mark', async () => count(await canvasOf(page, 'lesions', mark), palette.new.rgb) > 0);
    await keep(page, 'reading-own-slices');
    await page.keyboard.press('o');
    await shows('prior', 'prior-T1');
    await page.getByRole('button', { name: 'FLAIR', exact: true }).click();
    await shows('current', 'current');
  });

  test.runIf(process.env['WITH_EARLIER'])('the study before the prior can be compared with', async () => {
    const before = await canvasOf(page, 'prior');
    await page.getByLabel('Compare with').selectOption({ index: 1 });
    await shows('prior', 'earlier-1');
    await until(page, 'another picture', () => different('prior', before.rgba));
    // The same head at the same place: what is bright in one is bright in the other.
    const after = await canvasOf(page, 'prior');
    expect(correlation(before.rgba, after.rgba)).toBeGreaterThan(0.9);
    await keep(page, 'reading-earlier');
    await page.getByLabel('Compare with').selectOption({ index: 0 });
    await shows('prior', 'prior');
  });

  test('the subtraction is grey where nothing changed and bright at a new lesion', async () => {
    const { lesions } = await detailOf(page);
    const added = lesions.find(({ change }) => change === 'new');
    if (!added) throw new Error('the case has no new lesion');
    await jump(page, added.number);
    await page.keyboard.press('h');
    await page.keyboard.press('c');
    await shows('lesions', 'subtraction');
    const mark = await markIn('lesions');
    const middle = { x: mark.x + mark.width / 2 - 2, y: mark.y + mark.height / 2 - 2, width: 4, height: 4 };
    await until(page, 'a bright lesion', async () => meanOf(await canvasOf(page, 'lesions', middle)) > 150);
    const { rgba } = await canvasOf(page, 'lesions');
    const greys = rgba.filter((_, i) => i % 4 === 0).sort((a, b) => a - b);
    expect(Math.abs((greys[greys.length >> 1] ?? 0) - 127)).toBeLessThan(12);
    await keep(page, 'reading-subtraction');
  });

  test('the checkerboard holds both studies', async () => {
    await page.keyboard.press('c');
    await shows('lesions', 'current');
    await until(page, 'both', async () => {
      const [prior, current, board] = await Promise.all([canvasOf(page, 'prior'), canvasOf(page, 'current'), canvasOf(page, 'lesions')]);
      const same = (other: Uint8Array) => board.rgba.filter((value, i) => value === other[i]).length / board.rgba.length;
      return same(prior.rgba) > 0.4 && same(current.rgba) > 0.4 && same(prior.rgba) < 0.99 && same(current.rgba) < 0.99;
    });
    await page.keyboard.press('c');
    await page.keyboard.press('h');
  });

  test('blinking shows both studies in turn, and says which', async () => {
    await page.keyboard.press('b');
    await shows('current', 'prior');
    await until(page, 'it says so', async () => ((await pane('current').locator('.top-left').textContent()) ?? '').startsWith('Prior'));
    await shows('current', 'current');
    await page.keyboard.press('b');
    await shows('current', 'current');
  });

  test('planes by key, with their letters', async () => {
    for (const [key, top, left] of [['2', 'S', 'R'], ['3', 'S', 'A'], ['1', 'A', 'R']] as const) {
      await page.keyboard.press(key);
      const all = async (edge: string, letter: string) => (await texts(edge)).every((text) => text.startsWith(letter));
      await until(page, `plane ${key}`, async () => (await all('.edge.top', top)) && (await all('.edge.left', left)));
    }
  });

  test('window, pan and zoom change all three alike', async () => {
    const box = await pane('current').boundingBox();
    if (!box) throw new Error('no pane');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const drag = async (dx: number, dy: number, button: 'left' | 'right' | 'middle') => {
      await page.mouse.move(x, y);
      await page.mouse.down({ button });
      await page.mouse.move(x + dx, y + dy, { steps: 4 });
      await page.mouse.up({ button });
    };
    const windows = await texts('.bottom-right');
    await drag(60, 0, 'left');
    await until(page, 'wider windows', async () => (await texts('.bottom-right')).every((text, i) => width(text) > width(windows[i] ?? '')));
    const [prior, current] = (await texts('.bottom-right')).map(width);
    expect((prior ?? 0) / width(windows[0] ?? '')).toBeCloseTo((current ?? 0) / width(windows[1] ?? ''), 1);
    for (const [dx, dy, button] of [[40, 30, 'middle'], [0, -60, 'right']] as const) {
      const before = await Promise.all((['prior', 'current', 'lesions'] as const).map((name) => canvasOf(page, name)));
      await drag(dx, dy, button);
      for (const [i, name] of (['prior', 'current', 'lesions'] as const).entries()) {
        await until(page, `${name} after ${button}`, () => different(name, before[i]?.rgba ?? new Uint8Array()));
      }
    }
    await page.keyboard.press('0');
    await until(page, 'the windows as before', async () => (await texts('.bottom-right')).join() === windows.join());
  });

  test('the cross-hair is at the same place in all pictures', async () => {
    await page.keyboard.press('x');
    const box = await pane('prior').boundingBox();
    if (!box) throw new Error('no pane');
    await page.mouse.move(box.x + 100, box.y + 120);
    await until(page, 'three cross-hairs', async () => (await page.locator('.cross').count()) === 3);
    const paths = await page.locator('.cross').evaluateAll((all) => all.map((one) => one.getAttribute('d')));
    expect(new Set(paths).size).toBe(1);
    expect(paths[0]).toMatch(/^M0 1(19|20|21)/);
    await page.keyboard.press('x');
  });

  test('outline only, and fainter', async () => {
    await jump(page, 1);
    const filled = coloured(await canvasOf(page, 'lesions'));
    await page.keyboard.press('f');
    await until(page, 'less colour', async () => coloured(await canvasOf(page, 'lesions')) < filled);
    await page.keyboard.press('f');
    await until(page, 'as before', async () => coloured(await canvasOf(page, 'lesions')) === filled);
  });
});

describe('outlines', () => {
  test('a brush enlarges a lesion, the algorithm’s outline stays beside it, and a lost connection loses nothing', async () => {
    const before = (await detailOf(page)).lesions[0];
    if (!before) throw new Error('the case has no lesion');
    await jump(page, before.number);
    await page.keyboard.press('e');
    await page.getByTestId('drawing').waitFor();
    const mark = await markIn('current');
    const [x, y] = [mark.x + mark.width / 2, mark.y + mark.height / 2];
    for (let i = 0; i < 6; i += 1) await page.keyboard.press(']');
    await page.mouse.move(x - 25, y);
    await page.mouse.down();
    await page.mouse.move(x + 25, y, { steps: 6 });
    await page.mouse.up();
    await keep(page, 'outline-1-brush');
    await context.setOffline(true);
    await page.keyboard.press('Enter');
    await until(page, 'it is not saved', async () => ((await page.getByTestId('saving').textContent()) ?? '').startsWith('Not saved'));
    expect(await row(before.number).textContent()).toContain('outline corrected');
    await context.setOffline(false);
    await saved();
    const after = (await detailOf(page)).lesions[0];
    expect(after?.outline).toBe('corrected by the reader');
    expect(after?.measured_mm3).toBeCloseTo(before.volume_mm3, 3);
    expect(after?.volume_mm3 ?? 0).toBeGreaterThan(before.volume_mm3);
    expect(after?.verdict).toBe('accepted');
    expect(await page.getByTestId('totals').textContent()).toContain('new');
    await until(page, 'its colour', async () => count(await canvasOf(page, 'lesions'), palette[before.change].rgb) > 0);
    await keep(page, 'outline-2-kept');
  });

  test('another page shows it too; undo brings the algorithm’s outline back', async () => {
    const { page: other, context: second } = await signedIn(browser);
    await opened(other);
    const number = (await detailOf(page)).lesions[0]?.number ?? 1;
    expect(await other.locator(`tr[data-lesion="${number}"]`).textContent()).toContain('outline corrected');
    await second.close();
    await page.keyboard.press('u');
    await saved();
    expect((await outlinesOf(page)).outlines).toEqual([]);
    const line = (await detailOf(page)).lesions[0];
    expect([line?.outline, line?.verdict, line?.measured_mm3]).toEqual(['algorithm', null, null]);
    expect(await row(number).textContent()).not.toContain('outline corrected');
  });

  test('the eraser takes away, and an empty outline can’t be kept', async () => {
    await jump(page, 1);
    await page.keyboard.press('e');
    await page.getByTestId('drawing').waitFor();
    await page.keyboard.press('d');
    const drawn = page.getByTestId('drawn-volume');
    const before = await drawn.textContent();
    const mark = await markIn('lesions');
    await page.mouse.move(mark.x + mark.width / 2, mark.y + mark.height / 2);
    await page.mouse.down();
    await page.mouse.up();
    await until(page, 'a smaller volume', async () => (await drawn.textContent()) !== before);
    await page.keyboard.press('Escape');
    await page.getByTestId('drawing').waitFor({ state: 'detached' });
    expect((await outlinesOf(page)).outlines).toEqual([]);
  });

  test('a click adds a missed lesion, the reader says where it lies, and undo takes it away', async () => {
    const { lesions } = await detailOf(page);
    await page.keyboard.press('m');
    await page.getByText('Click into the lesion that was missed').waitFor();
    const place = await placeOfUnmarkedSpot();
    await page.mouse.click(place.x, place.y);
    const bar = page.getByTestId('drawing');
    await bar.waitFor();
    await until(page, 'a region', async () => !((await page.getByTestId('drawn-volume').textContent()) ?? '0 ').startsWith('0 '));
    const add = bar.getByRole('button', { name: 'Add lesion' });
    expect(await add.isDisabled()).toBe(true);
    await bar.getByLabel('Region').selectOption('deep white matter');
    expect(await bar.getByLabel('Side').inputValue()).not.toBe('');
    await keep(page, 'outline-3-missed');
    await add.click();
    const number = Math.max(...lesions.map((line) => line.number)) + 1;
    await until(page, 'its row', async () => (await row(number).count()) === 1);
    await saved();
    const added = (await detailOf(page)).lesions.at(-1);
    expect(added?.number).toBe(number);
    expect([added?.outline, added?.change, added?.verdict, added?.region]).toEqual(['added by the reader', 'new', 'accepted', 'deep white matter']);
    expect(await row(number).textContent()).toContain('added by you');
    await page.getByRole('button', { name: 'Undo' }).click();
    await saved();
    expect((await detailOf(page)).lesions.map((line) => line.number)).toEqual(lesions.map((line) => line.number));
    expect(await row(number).count()).toBe(0);
  });
});

test('a machine without WebGL shows the same', async () => {
  const plain = await launch(WITHOUT_WEBGL);
  try {
    const { page: other } = await signedIn(plain);
    await opened(other);
    expect(await other.evaluate(() => document.createElement('canvas').getContext('webgl2'))).toBeNull();
    for (const name of ['prior', 'current', 'lesions'] as const) {
      const { rgba } = await canvasOf(other, name);
      expect(new Set(rgba).size).toBeGreaterThan(60);
    }
    await jump(other, 1);
    await until(other, 'the lesion', async () => coloured(await canvasOf(other, 'lesions')) > 0);
    await keep(other, 'without-webgl');
  } finally {
    await plain.close();
  }
});

test.each([
  [1280, 720],
  [3840, 2160],
])('a screen of %i x %i shows everything', async (screenWidth, height) => {
  await page.setViewportSize({ width: screenWidth, height });
  for (const name of ['prior', 'current', 'lesions'] as const) {
    const box = await pane(name).boundingBox();
    expect((box?.width ?? 0) * 3).toBeGreaterThan(screenWidth * 0.95);
    expect(box?.height ?? 0).toBeGreaterThan(height * 0.3);
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await until(page, 'as many pixels as the screen', async () => (await canvasOf(page, 'current', undefined)).width >= screenWidth / 3 - 3);
  await keep(page, `screen-${screenWidth}`);
});

test('the longest words leave every verdict in sight', async () => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.evaluate(() => localStorage.setItem('interval-language', 'fr'));
  await page.reload();
  await page.getByRole('button', { name: 'Accepter la lésion 1' }).waitFor();
  const table = page.locator('.findings');
  expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBeLessThanOrEqual(0);
  await page.evaluate(() => localStorage.removeItem('interval-language'));
});

test('the page complained about nothing', () => {
  expect(complaints).toEqual([]);
  expect(page.url()).toBe(`${base}/cases/${caseId}`);
});

const width = (text: string): number => Number(/W (\d+)/.exec(text)?.[1] ?? 0);

function correlation(a: Uint8Array, b: Uint8Array): number {
  const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    const [da, db] = [value - ma, (b[i] ?? 0) - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  });
  return ab / Math.sqrt(aa * bb);
}

/** Where on the page the brightest spot lies that no lesion of the list is near: a stable lesion of the phantom. */
async function placeOfUnmarkedSpot(): Promise<{ x: number; y: number }> {
  const { header, bytes } = await bytesOf(page, 'current');
  const { bytes: labels } = await bytesOf(page, 'lesions');
  const [depth, height, columns] = vector(header.shape);
  const voxels = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const at = (z: number, y: number, x: number) => (z * height + y) * columns + x;
  let best = { value: -Infinity, index: [0, 0, 0] };
  for (let z = 2; z < depth - 2; z += 1) {
    for (let y = 12; y < height - 12; y += 1) {
      for (let x = 12; x < columns - 12; x += 1) {
        let value = Infinity;
        for (const [dy, dx] of [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]] as const) value = Math.min(value, voxels[at(z, y + dy, x + dx)] ?? 0);
        if (value <= best.value) continue;
        let near = false;
        for (let dz = -2; dz <= 2; dz += 1) for (let dy = -9; dy <= 9; dy += 3) for (let dx = -9; dx <= 9; dx += 3) near ||= Boolean(labels[at(z + dz, y + dy, x + dx)]);
        if (!near) best = { value, index: [z, y, x] };
      }
    }
  }
  // From lesion 1, which is marked in the middle of its cross, as far as the scale says.
  const first = (await detailOf(page)).lesions[0];
  await jump(page, first?.number ?? 1);
  const from = indexToWorld(header, first?.centroid_index ?? [0, 0, 0]);
  const to = indexToWorld(header, best.index);
  const { left, back, head } = anatomicalAxes(header.directions);
  const mark = await markIn('current');
  const scale = await pane('current').locator('svg.scale').boundingBox();
  if (!scale) throw new Error('the picture has no scale');
  const mmPerPixel = 50 / (scale.width - 2);
  const off = scaled(minus(to, from), 1 / mmPerPixel);
  const slices = Math.round(dot(minus(to, from), head) / (header.spacing_mm[0] ?? 1));
  // Axial slices are counted from the head downwards.
  for (let i = 0; i < Math.abs(slices); i += 1) await page.keyboard.press(slices > 0 ? 'ArrowUp' : 'ArrowDown');
  return { x: mark.x + mark.width / 2 + dot(off, left), y: mark.y + mark.height / 2 + dot(off, back) };
}
