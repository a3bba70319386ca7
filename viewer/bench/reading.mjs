/**
 * How fast the case page is, in headless Chromium with software rendering, against a running gateway.
 *
 *     BASE_URL=http://127.0.0.1:8080 REVIEW_USER=... REVIEW_PASSWORD=... npm run bench
 *
 * At least two cases must be ready for review; PATIENT narrows them to patient ids that hold this text. CASES is how
 * many cases are opened in a row for the memory (50). Prints figures and judges nothing: a busy machine is slower.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic'];
const STEPS = 60;

const base = required('BASE_URL').replace(/\/$/, '');
const profile = mkdtempSync(path.join(tmpdir(), 'bench-'));
// Not started by the debugger that drives it: the memory is measured while nobody is connected.
const program = spawn(
  process.env.CHROMIUM ?? '/usr/bin/chromium',
  [...FLAGS, '--headless=new', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--window-size=1440,1000', 'about:blank'],
  { stdio: 'ignore' },
);
let browser = await connected();
let page = browser.contexts()[0].pages()[0];
await page.setViewportSize({ width: 1440, height: 900 });
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
  const before = await processorMs();
  const figures = await perStep();
  const spent = (await processorMs()) - before;
  print(`one slice further, three pictures, ${plane}`, `${figures}; processor ${(spent / STEPS).toFixed(0)} ms a slice in all processes`);
}
print('processor time of the browser so far', `${((await processorMs()) / 1000).toFixed(0)} s`);
await memory(Number(process.env.CASES ?? 50));
program.kill();
await new Promise((done) => program.once('exit', done));
rmSync(profile, { recursive: true, force: true });

/** Attach to the browser; it writes its port into its profile. */
async function connected() {
  const file = path.join(profile, 'DevToolsActivePort');
  const portOf = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n')[0] : '');
  // The file is there before the port is in it.
  while (!portOf()) await pause(100);
  const port = portOf();
  return chromium.connectOverCDP(`http://127.0.0.1:${port}`);
}

/** Processor time that all of the browser's processes took. */
async function processorMs() {
  const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo');
  return 1000 * processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

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
 * What the page's process holds while many cases are opened in a row.
 *
 * The page opens them by itself, and no debugger is attached meanwhile: one that watches the network keeps the bodies
 * of what was fetched in the page's own process, up to some 200 MB, which looks like a leak and is none.
 */
async function memory(count) {
  const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  await page.evaluate((wanted) => {
    window.opened = 0;
    const shown = () => [...document.querySelectorAll('.toolbar button')].some((button) => !button.disabled);
    const next = () => [...document.querySelectorAll('header a')].find(({ textContent }) => textContent.includes('Next case'));
    const fetchedAhead = (id) =>
      ['current', 'prior', 'lesions'].every((name) =>
        performance.getEntriesByType('resource').some((entry) => entry.responseEnd > 0 && entry.name.endsWith(`/${id}/images/${name}/pixels`)),
      );
    const step = () => {
      const link = next();
      if (shown() && link && fetchedAhead(link.getAttribute('href').split('/').at(-1))) {
        if (window.opened === wanted) return;
        window.opened += 1;
        performance.clearResourceTimings();
        link.click();
        document.title = `opened ${window.opened}`;
      }
      setTimeout(step, 250);
    };
    performance.setResourceTimingBufferSize(2000);
    step();
  }, count);
  const seen = [];
  while (seen.length === 0 || seen.at(-1).opened < count) {
    // Leaves the browser alone, and asks again after a while.
    await browser.close();
    await pause(Number(process.env.PAUSE_S ?? 20) * 1000);
    browser = await connected();
    page = browser.contexts()[0].pages()[0];
    const session = await page.context().newCDPSession(page);
    const opened = await page.evaluate(() => window.opened);
    const before = resident(renderers);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
    const { nodes, jsEventListeners, documents } = await session.send('Memory.getDOMCounters');
    const held = Math.round((usedSize + backingStorageSize) / 1024 / 1024);
    seen.push({ opened });
    print(`after ${opened} cases`, `process ${before} MB; script and arrays ${held} MB; ${nodes} nodes, ${jsEventListeners} listeners, ${documents} documents`);
  }
}

/** Memory that processes have for themselves, in MB. */
function resident(pids) {
  const kB = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return Math.round(pids.reduce((sum, pid) => sum + kB(pid), 0) / 1024);
}

function print(name, value) {
  console.log(`${name.padEnd(52)} ${value}`);
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the measurement needs ${name} in its environment`);
  return value;
}
