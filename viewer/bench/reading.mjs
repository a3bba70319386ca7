/**
 * How fast the case page is, in headless Chromium with software rendering, against a running gateway.
 *
 *     BASE_URL=http://127.0.0.1:8080 REVIEW_USER=... REVIEW_PASSWORD=... npm run bench
 *
 * At least two cases must be ready for review; PATIENT narrows them to patient ids that hold this text. CASES is how
 * many cases are opened in a row for the memory (50). Prints figures and judges nothing: a busy machine is slower.
 */
import { gzipSync } from 'node:zlib';

import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic'];
const STEPS = 60;

const base = required('BASE_URL').replace(/\/$/, '');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const scripts = new Map();
const fetched = new Set();
page.on('requestfinished', (request) => fetched.add(request.url()));
page.on('response', async (response) => {
  if (response.url().endsWith('.js')) scripts.set(response.url(), gzipSync(await response.body()).length);
});
// Notes when a picture of each pane is drawn for the first time since the last click.
await page.addInitScript(() => {
  window.drawn = {};
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    const pane = this.canvas.closest?.('[data-pane]')?.getAttribute('data-pane');
    if (pane) window.drawn[pane] ??= performance.now();
    return draw.apply(this, args);
  };
  window.busyMs = 0;
  const request = window.requestAnimationFrame;
  window.requestAnimationFrame = (callback) =>
    request.call(window, (at) => {
      const start = performance.now();
      callback(at);
      window.busyMs += performance.now() - start;
    });
});

await page.goto(`${base}/`);
await page.getByLabel('User name').fill(required('REVIEW_USER'));
await page.getByLabel('Password').fill(required('REVIEW_PASSWORD'));
await page.keyboard.press('Enter');
await page.getByRole('heading', { name: 'Worklist' }).waitFor();
await page.waitForTimeout(1000);
const kB = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
const worklistBytes = [...scripts.values()].reduce((sum, bytes) => sum + bytes, 0);
print('script of the worklist, gzip', kB(worklistBytes));

const { cases } = await (await page.request.get(`${base}/api/cases`)).json();
const ready = cases.filter((line) => line.state === 'ready for review' && line.patient.patient_id.includes(process.env.PATIENT ?? ''));
if (ready.length < 2) throw new Error('two cases that are ready for review are needed');

print('first case, the gateway has not read it or has', await opened(() => page.locator(`a[href="/cases/${ready[0].case_id}"]`).first().click()));
const caseBytes = [...scripts.values()].reduce((sum, bytes) => sum + bytes, 0);
print('script of the case page beside it, gzip', kB(caseBytes - worklistBytes));
await fetchedAhead();
print('next case, fetched ahead', await opened(() => page.getByRole('link', { name: /Next case/ }).click()));
for (const [key, plane] of [['1', 'axial'], ['2', 'coronal'], ['3', 'sagittal']]) {
  await page.keyboard.press(key);
  await page.waitForTimeout(300);
  print(`one slice further, three pictures, ${plane}`, await perStep());
}
await memory(Number(process.env.CASES ?? 50));
await browser.close();

/** Wait until the images of the next case are here. */
async function fetchedAhead() {
  const link = page.getByRole('link', { name: /Next case/ });
  await link.waitFor();
  const next = (await link.getAttribute('href'))?.split('/').at(-1);
  const images = ['current', 'prior', 'lesions'].map((name) => `${base}/api/cases/${next}/images/${name}/pixels`);
  while (!images.every((address) => fetched.has(address))) await page.waitForTimeout(100);
}

/** Milliseconds from a click to the first picture of each pane, and until everything is there. */
async function opened(click) {
  await page.evaluate(() => {
    const begin = () => {
      window.drawn = {};
      window.clicked = performance.now();
    };
    document.addEventListener('click', begin, { once: true, capture: true });
  });
  await click();
  await page.waitForFunction(() => Object.keys(window.drawn).length === 3, null, { timeout: 120_000 });
  await page.waitForFunction(() => document.querySelector('.toolbar button:not([disabled])'), null, { timeout: 120_000 });
  return page.evaluate(() => {
    const since = (at) => `${Math.round(at - window.clicked)} ms`;
    const panes = Object.entries(window.drawn).map(([pane, at]) => `${pane} ${since(at)}`);
    return `${panes.join(', ')}; all ${since(performance.now())}`;
  });
}

/** Milliseconds for a turn of the wheel, from one frame to the next, beside what a frame takes that draws nothing. */
async function perStep() {
  return page.evaluate(async (steps) => {
    const pane = document.querySelector('[data-pane=current]');
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    const timed = async (act) => {
      const [start, busy] = [performance.now(), window.busyMs];
      for (let i = 0; i < steps; i += 1) {
        act(i);
        await frame();
        await frame();
      }
      return [(performance.now() - start) / steps / 2, (window.busyMs - busy) / steps];
    };
    const [idle] = await timed(() => undefined);
    const [turning, script] = await timed((i) => {
      const deltaY = i % 40 < 20 ? 100 : -100;
      pane.dispatchEvent(new WheelEvent('wheel', { deltaY, bubbles: true, cancelable: true }));
    });
    // Two frames a step: the first draws, the second begins when the first is on the screen.
    const step = 2 * turning - idle;
    return `${step.toFixed(1)} ms (script ${script.toFixed(1)} ms; a frame that draws nothing ${idle.toFixed(1)} ms)`;
  }, STEPS);
}

/**
 * What the page holds while many cases are opened in a row: script objects and the arrays behind them. The process
 * itself holds more and grows; whether the debugger that drives it keeps what was fetched was not found out.
 */
async function memory(count) {
  const client = await page.context().newCDPSession(page);
  const held = async () => {
    await client.send('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await client.send('Runtime.getHeapUsage');
    return Math.round((usedSize + backingStorageSize) / 1024 / 1024);
  };
  const seen = [];
  for (let i = 0; i < count; i += 1) {
    await opened(() => page.getByRole('link', { name: /Next case/ }).click());
    await fetchedAhead();
    if (i % 10 === 9 || i === 0) seen.push(`${i + 1}: ${await held()} MB`);
  }
  print('memory that the page holds after opening cases', seen.join(', '));
}

function print(name, value) {
  console.log(`${name.padEnd(52)} ${value}`);
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the measurement needs ${name} in its environment`);
  return value;
}
