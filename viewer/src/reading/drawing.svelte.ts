/** A lesion being added or corrected, from the first click until it is kept or given up. */
import { api } from '../client/api';
import { Failure } from '../client/failure';
import type { Drawn } from '../review/review.svelte';
import { texts } from '../texts';
import { Draft } from './draft.svelte';
import type { Grid, Vector } from './grid';
import { packed, placesOf, roomFor, samePlaces, unpacked, type Places } from './labels';
import type { Pixels } from './pixels';
import type { Scene } from './scene';

/** What drawing needs to know of the page. */
export interface Surroundings {
  readonly caseId: string;
  readonly scene: Scene | null;
  readonly grid: Grid | null;
  /** The lesion map with the reader's outlines. */
  readonly composed: Pixels | null;
  readonly outlines: ReadonlyMap<number, Drawn>;
}

export type OnDrawn = (number: number, drawn: Drawn | null, volumeMm3: number) => void;

export class Drawing {
  draft = $state.raw<Draft | null>(null);
  /** The next click says where a missed lesion is. */
  adding = $state(false);
  note = $state('');

  constructor(
    private readonly at: Surroundings,
    private readonly ondrawn: OnDrawn,
  ) {}

  get busy(): boolean {
    return this.draft !== null || this.adding;
  }

  begin(number: number, seed: Vector | null): void {
    const { composed, grid } = this.at;
    if (!composed || !grid) return;
    const labels = roomFor(composed, number);
    this.draft = new Draft(number, seed, labels, grid);
    this.adding = false;
    this.note = '';
  }

  /** Ask for the bright region around the click; where there is none, the reader draws it. */
  async grow(level: number): Promise<void> {
    const { grid, scene, caseId } = this.at;
    const asked = this.draft;
    if (!asked?.seed || !grid) return;
    asked.level = level;
    this.note = texts.drawing.growing;
    try {
      const { change } = asked;
      const region = await api.growRegion(caseId, { index: [...asked.seed] as [number, number, number], level, change });
      const places = await unpacked(grid, region.mask);
      if (this.draft !== asked || asked.change !== change) return;
      asked.replace(places);
      asked.side ??= region.side;
      asked.priorMm3 = region.prior_volume_mm3;
      this.note = '';
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (this.draft !== asked) return;
      this.note = error.message;
      if (asked.change === 'growing') asked.becomeNew();
      else if (scene) asked.stroke(asked.seed, scene.axes);
    }
    scene?.redrawn();
  }

  async keep(): Promise<void> {
    const { grid, composed, outlines } = this.at;
    const done = this.draft;
    if (!done?.complete || !grid || !composed) return;
    const places: Places = done.places;
    this.draft = null;
    if (!done.added && samePlaces(places, placesOf(composed, done.number))) return;
    const said = done.said ?? outlines.get(done.number)?.said ?? null;
    this.ondrawn(done.number, { mask: await packed(grid, places), places, said }, done.volumeMm3);
  }

  restore(): void {
    const done = this.draft;
    this.draft = null;
    if (done) this.ondrawn(done.number, null, 0);
  }

  cancel(): void {
    this.draft = null;
    this.adding = false;
    this.note = '';
  }
}
