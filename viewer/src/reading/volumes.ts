/** A case's images: fetched whole, one request each, checked against their headers, and kept for a while. */
import { api, type ImageHeader, type ImageList } from '../client/api';
import { pixelsOf, type Pixels } from './pixels';

export interface LoadedVolume {
  header: ImageHeader;
  pixels: Pixels;
}

/** What the page needs before a reader can decide. */
export const FIRST = ['current', 'prior', 'lesions'] as const;

/** The case that is open and the one that is fetched ahead. */
const KEPT_CASES = 2;

export class CaseImages {
  private readonly volumes = new Map<string, Promise<LoadedVolume>>();
  private readonly abort = new AbortController();
  private result = '';

  constructor(readonly caseId: string) {}

  /** What there is to look at; and whether the case was measured again since the images were fetched. */
  async list(): Promise<{ list: ImageList; replaced: boolean }> {
    const list = await api.images(this.caseId, this.abort.signal);
    const replaced = this.result !== '' && this.result !== list.result;
    this.result = list.result;
    return { list, replaced };
  }

  /** An image, fetched once. */
  volume(name: string): Promise<LoadedVolume> {
    const known = this.volumes.get(name);
    if (known) return known;
    const volume = this.load(name);
    this.volumes.set(name, volume);
    // A failure is not kept: the next attempt fetches again.
    volume.catch(() => this.volumes.delete(name));
    return volume;
  }

  close(): void {
    this.abort.abort();
    this.volumes.clear();
  }

  private async load(name: string): Promise<LoadedVolume> {
    const { signal } = this.abort;
    const [header, bytes] = await Promise.all([
      api.imageHeader(this.caseId, name, signal),
      api.imagePixels(this.caseId, name, signal),
    ]);
    return { header, pixels: pixelsOf(header, bytes) };
  }
}

const kept = new Map<string, CaseImages>();

/** The images of a case, those fetched ahead if there are any; the longest unused case makes room. */
export function imagesOf(caseId: string): CaseImages {
  const images = kept.get(caseId) ?? new CaseImages(caseId);
  kept.delete(caseId);
  kept.set(caseId, images);
  for (const [other, oldest] of kept) {
    if (kept.size <= KEPT_CASES) break;
    kept.delete(other);
    oldest.close();
  }
  return images;
}

/** Forget a case's images: they are of a result that was replaced. */
export function forget(caseId: string): void {
  kept.get(caseId)?.close();
  kept.delete(caseId);
}

/** Fetch what the next case needs first, quietly. */
export function fetchAhead(caseId: string): void {
  const images = imagesOf(caseId);
  for (const name of FIRST) void images.volume(name).catch(() => undefined);
  void images.list().catch(() => undefined);
}
