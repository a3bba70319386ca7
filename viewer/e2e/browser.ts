/** A real browser with software rendering, and what the review run asks of its pictures. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { chromium, type Browser, type Locator, type Page } from 'playwright-core';

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

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: FLAGS });

const folder = process.env['SCREENSHOT_DIR'] ?? '';

/** Keep a picture of the page, when a folder for them is given. */
export async function keep(page: Page, name: string): Promise<void> {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

export type Kind = 'red' | 'blue';

/** Pixels of one colour in a part of the page. */
export interface Coloured {
  count: number;
}

/** A part of the page, in CSS pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Counts coloured pixels on a blank page of its own, so that the application's page is not touched. */
export class PixelReader {
  private constructor(private readonly page: Page) {}

  static async open(browser: Browser): Promise<PixelReader> {
    return new PixelReader(await browser.newPage());
  }

  async read(part: Locator, kind: Kind): Promise<Coloured> {
    return this.count(await part.screenshot(), kind);
  }

  async readClip(page: Page, clip: Box, kind: Kind): Promise<Coloured> {
    return this.count(await page.screenshot({ clip }), kind);
  }

  private count(png: Buffer, kind: Kind): Promise<Coloured> {
    return this.page.evaluate(
      async ([data, wanted]) => {
        const image = new Image();
        image.src = `data:image/png;base64,${data}`;
        await image.decode();
        const canvas = new OffscreenCanvas(image.width, image.height);
        const context = canvas.getContext('2d');
        if (!context) throw new Error('no canvas');
        context.drawImage(image, 0, 0);
        const { data: rgba } = context.getImageData(0, 0, image.width, image.height);
        let count = 0;
        for (let i = 0; i < rgba.length; i += 4) {
          const [r = 0, g = 0, b = 0] = [rgba[i], rgba[i + 1], rgba[i + 2]];
          if (wanted === 'red' ? r > 110 && r - g > 60 && r - b > 60 : b - r > 25 && b - g > 10) count += 1;
        }
        return { count };
      },
      [png.toString('base64'), kind] as const,
    );
  }
}
