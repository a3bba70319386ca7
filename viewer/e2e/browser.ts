/** A real browser with software rendering, and what the review run asks of its pictures. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the review run needs ${name} in its environment`);
  return value;
}

export const launch = (flags: readonly string[] = FLAGS): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: [...flags] });

/** A machine that offers no 3D drawing at all. */
export const WITHOUT_WEBGL: readonly string[] = ['--no-sandbox', '--disable-gpu', '--disable-3d-apis', '--disable-quic'];

const folder = process.env['SCREENSHOT_DIR'] ?? '';

/** Keep a picture of the page, when a folder for them is given. */
export async function keep(page: Page, name: string): Promise<void> {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

/** A part of a picture, in CSS pixels of the page. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type PaneName = 'prior' | 'current' | 'lesions';

/** Pixels of a pane's canvas (not of what is written over it), optionally of a part. */
export interface Canvas {
  width: number;
  height: number;
  rgba: Uint8Array;
}

export async function canvasOf(page: Page, pane: PaneName, part?: Box): Promise<Canvas> {
  const { width, height, text } = await page.locator(`[data-pane=${pane}] canvas`).evaluate((element, box) => {
    const canvas = element as HTMLCanvasElement;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    const at = canvas.getBoundingClientRect();
    const ratio = canvas.width / at.width;
    const area = box
      ? [(box.x - at.x) * ratio, (box.y - at.y) * ratio, box.width * ratio, box.height * ratio].map(Math.round)
      : [0, 0, canvas.width, canvas.height];
    const [x = 0, y = 0, width = 1, height = 1] = area;
    // As a string: an array of numbers takes seconds to travel.
    const { data } = context.getImageData(x, y, width, height);
    let text = '';
    for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
    return { width, height, text: btoa(text) };
  }, part);
  return { width, height, rgba: new Uint8Array(Buffer.from(text, 'base64')) };
}

/** How many pixels have nearly a colour: lines are smoothed at their edges. */
export function count({ rgba }: Canvas, rgb: readonly number[], off = 24): number {
  let found = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgb.every((value, channel) => Math.abs((rgba[i + channel] ?? 0) - value) <= off)) found += 1;
  }
  return found;
}

/** How many pixels are not grey. */
export function coloured({ rgba }: Canvas): number {
  let found = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    const [r = 0, g = 0, b = 0] = [rgba[i], rgba[i + 1], rgba[i + 2]];
    if (Math.max(r, g, b) - Math.min(r, g, b) > 30) found += 1;
  }
  return found;
}

/** Middle intensity of a picture's pixels. */
export function meanOf({ rgba }: Canvas): number {
  let sum = 0;
  for (let i = 0; i < rgba.length; i += 4) sum += rgba[i] ?? 0;
  return sum / (rgba.length / 4);
}
