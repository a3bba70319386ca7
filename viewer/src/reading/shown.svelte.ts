/** The images of the case that the page shows, as they arrive. */
import { untrack } from 'svelte';

import type { ImageList } from '../client/api';
import { Failure } from '../client/failure';
import { texts } from '../texts';
import { FIRST, forget, imagesOf, type LoadedVolume } from './volumes';

const wordsOf = (error: unknown): string => (error instanceof Failure ? error.message : texts.images.failed);

export class ShownImages {
  volumes = $state.raw<ReadonlyMap<string, LoadedVolume>>(new Map());
  /** Why an image can't be shown, by its name. */
  missing = $state.raw<ReadonlyMap<string, string>>(new Map());
  list = $state.raw<ImageList | null>(null);
  problem = $state('');
  /** One more each time that everything is fetched anew. */
  attempt = $state(0);

  constructor(private readonly caseId: string) {}

  /** Whether a reader can decide. */
  readonly complete = $derived(FIRST.every((name) => this.volumes.has(name)));

  get(name: string | null): LoadedVolume | null {
    return name === null ? null : (this.volumes.get(name) ?? null);
  }

  /** Fetch what is needed first; `opened` gets the current images before the others are here. */
  async start(opened: (current: LoadedVolume) => void, signal: AbortSignal): Promise<void> {
    this.problem = '';
    this.volumes = new Map();
    this.missing = new Map();
    const first = FIRST.map((name) => this.load(name, signal));
    try {
      const current = await first[0];
      if (signal.aborted || !current) return;
      opened(current);
      await Promise.all(first);
      await this.describe(signal);
    } catch (error) {
      for (const one of first) one.catch(() => undefined);
      if (signal.aborted) return;
      this.problem = wordsOf(error);
      console.error(error);
    }
  }

  /** Fetch an image that is shown and not here yet. */
  want(name: string | null): void {
    if (name === null || this.volumes.has(name) || this.missing.has(name)) return;
    this.load(name, new AbortController().signal).catch((error: unknown) => {
      this.missing = new Map(this.missing).set(name, wordsOf(error));
    });
  }

  again(): void {
    this.attempt += 1;
  }

  private async load(name: string, signal: AbortSignal): Promise<LoadedVolume> {
    const volume = await imagesOf(this.caseId).volume(name);
    if (!signal.aborted) this.volumes = new Map(untrack(() => this.volumes)).set(name, volume);
    return volume;
  }

  /** What else there is; and whether what was fetched ahead is still the result. */
  private async describe(signal: AbortSignal): Promise<void> {
    const listed = await imagesOf(this.caseId).list();
    if (signal.aborted) return;
    if (listed.replaced) {
      forget(this.caseId);
      this.again();
      return;
    }
    this.list = listed.list;
  }
}
