/** A reader's open review of one case: shown at once, stored behind it. */
import { api, type Acceptance, type CaseDetail, type LesionLine, type Reading, type ReviewState, type TumourPart, type TumourReading, type Verdict } from '../client/api';
import { Failure } from '../client/failure';
import type { Grid } from '../reading/grid';
import { samePlaces, unpacked, type Places } from '../reading/labels';
import { SaveQueue, type Change, type Outline, type Said, type Saving } from './queue';

/** An outline of the reader's with its voxels. */
export interface Drawn extends Outline {
  places: Places;
}

type Undoable =
  | { kind: 'verdict'; number: number; before: Verdict | null }
  | { kind: 'outline'; number: number; before: Drawn | null; verdict: Verdict | null };

const COMMENT_PAUSE_MS = 700;

/** Of a reader's own outline nobody knows how it repeats, and how much of its rim changed. */
const UNKNOWN_ERROR = {
  limits_of_agreement_mm3: null,
  exceeds_measurement_error: null,
  partial_volume_mm3: null,
  below_quantification: false,
};

/** Of a lesion of the result the gateway knows what became of it. */
const NOTHING_SAID = { change: 'new', prior_volume_mm3: 0 } as const;

export class Review {
  lesions = $state<LesionLine[]>([]);
  /** The parts of a tumour, which are accepted or rejected as lesions are. */
  parts = $state<TumourPart[]>([]);
  /** The reader's outlines that stand, by lesion. */
  outlines = $state.raw<ReadonlyMap<number, Drawn>>(new Map());
  acceptance = $state<Acceptance | null>(null);
  rating = $state<number | null>(null);
  comment = $state('');
  /** What the reader saw without the result. */
  visual = $state<Reading | null>(null);
  /** What the reader saw of a tumour over three time points, and what they conclude with the volumes. */
  seen = $state<TumourReading | null>(null);
  concluded = $state<TumourReading | null>(null);
  /** Whether a tumour is read over three time points. */
  compared = $state(false);
  saving = $state<Saving>('saved');
  /** Why a decision was given up, until the reader decides anew. */
  dropped = $state<Failure | null>(null);
  undoable = $state.raw<Undoable[]>([]);

  private readonly queue: SaveQueue;
  private commentTimer: ReturnType<typeof setTimeout> | undefined;
  private grid: Grid | null = null;
  /** Numbers that were used once are not given again. */
  private highest = 0;

  constructor(
    readonly caseId: string,
    detail: CaseDetail,
    private readonly onDetail: (detail: CaseDetail) => void,
  ) {
    this.adopt(detail);
    this.queue = new SaveQueue(detail.review?.edit ?? 0, {
      send: (change, edit) => this.send(change, edit),
      reload: (change) => this.reload(change),
      onSaving: (saving) => (this.saving = this.commentTimer ? 'saving' : saving),
      onDropped: (failure) => this.giveUp(failure),
    });
  }

  get unsaved(): boolean {
    return !this.queue.empty || this.commentTimer !== undefined;
  }

  get edit(): number {
    return this.queue.edit;
  }

  get undecided(): number {
    return [...this.lesions, ...this.parts].filter(({ verdict }) => verdict === null).length;
  }

  get nextNumber(): number {
    return Math.max(this.highest, ...this.lesions.map(({ number }) => number)) + 1;
  }

  /** Load what was drawn before, when the images' grid is known. */
  async loadOutlines(grid: Grid): Promise<void> {
    this.grid = grid;
    this.outlines = await this.storedOutlines(grid);
    this.highest = Math.max(0, this.highest, ...this.outlines.keys());
  }

  setVerdict(number: number, verdict: Verdict | null): void {
    const lesion = this.decidable(number);
    if (!lesion || lesion.verdict === verdict) return;
    this.undoable = [...this.undoable, { kind: 'verdict', number, before: lesion.verdict }];
    this.storeVerdict(lesion, verdict);
  }

  /** Keep an outline, or take it back: then the algorithm's stands again, or an added lesion is gone. */
  setOutline(number: number, drawn: Drawn | null, volumeMm3: number): void {
    const before = this.outlines.get(number) ?? null;
    const verdict = this.line(number)?.verdict ?? null;
    this.undoable = [...this.undoable, { kind: 'outline', number, before, verdict }];
    this.storeOutline(number, drawn, volumeMm3);
  }

  /** Take back the last verdict or outline; answers its lesion's number. */
  undo(): number | null {
    const last = this.undoable.at(-1);
    this.undoable = this.undoable.slice(0, -1);
    if (!last) return null;
    if (last.kind === 'outline') {
      this.storeOutline(last.number, last.before, 0);
      const lesion = this.line(last.number);
      if (lesion && lesion.verdict !== last.verdict) this.storeVerdict(lesion, last.verdict);
      return last.number;
    }
    const lesion = this.decidable(last.number);
    if (!lesion) return null;
    this.storeVerdict(lesion, last.before);
    return last.number;
  }

  setAcceptance(acceptance: Acceptance): void {
    this.acceptance = acceptance;
    this.storeAssessment();
  }

  setRating(rating: number): void {
    this.rating = rating;
    this.storeAssessment();
  }

  setVisual(visual: Reading | null): void {
    this.visual = visual;
    this.storeAssessment();
  }

  /** Whether a tumour's volumes may be compared: the result and every part are accepted. */
  get allAccepted(): boolean {
    return this.acceptance === 'acceptable' && this.parts.every(({ verdict }) => verdict === 'accepted');
  }

  async conclude(reading: TumourReading): Promise<void> {
    await this.settled();
    this.advance((await api.readWithVolumes(this.caseId, { edit: this.edit, reading })).edit);
    this.concluded = reading;
  }

  /** Take note of a change that was stored beside the queue. */
  advance(edit: number): void {
    this.queue.edit = edit;
  }

  /** Typing is stored when it pauses. */
  setComment(comment: string): void {
    this.comment = comment;
    this.saving = 'saving';
    clearTimeout(this.commentTimer);
    this.commentTimer = setTimeout(() => this.storeAssessment(), COMMENT_PAUSE_MS);
  }

  /** Resolves when all that the reader decided is stored. */
  async settled(): Promise<void> {
    if (this.commentTimer) this.storeAssessment();
    await this.queue.settled();
  }

  wake(): void {
    this.queue.wake();
  }

  close(): void {
    if (this.commentTimer) this.storeAssessment();
    if (this.queue.empty) this.queue.close();
  }

  private line(number: number): LesionLine | undefined {
    return this.lesions.find((line) => line.number === number);
  }

  /** A lesion, or a part of a tumour. */
  private decidable(number: number): LesionLine | TumourPart | undefined {
    return this.line(number) ?? this.parts.find((part) => part.number === number);
  }

  private storeVerdict(lesion: LesionLine | TumourPart, verdict: Verdict | null): void {
    lesion.verdict = verdict;
    this.dropped = null;
    this.queue.push({ kind: 'verdict', number: lesion.number, verdict });
  }

  private storeOutline(number: number, drawn: Drawn | null, volumeMm3: number): void {
    this.highest = Math.max(this.highest, number);
    const outlines = new Map(this.outlines);
    if (drawn) outlines.set(number, drawn);
    else outlines.delete(number);
    this.outlines = outlines;
    this.foresee(number, drawn, volumeMm3);
    this.dropped = null;
    const outline = drawn && { mask: drawn.mask, said: drawn.said };
    this.queue.push({ kind: 'outline', number, outline });
  }

  /** Show what the gateway will answer, as far as the page knows it. */
  private foresee(number: number, drawn: Drawn | null, volumeMm3: number): void {
    const lesion = this.line(number);
    if (!drawn) {
      if (lesion?.outline === 'added by the reader') this.lesions = this.lesions.filter((line) => line !== lesion);
      else if (lesion?.measured_mm3) {
        Object.assign(lesion, { volume_mm3: lesion.measured_mm3, measured_mm3: null, outline: 'algorithm' });
      }
      return;
    }
    if (lesion) {
      lesion.verdict = 'accepted';
      if (volumeMm3 === 0) return;
      if (lesion.outline === 'algorithm') {
        Object.assign(lesion, { measured_mm3: lesion.volume_mm3, outline: 'corrected by the reader', ...UNKNOWN_ERROR });
      }
      lesion.volume_mm3 = volumeMm3;
      return;
    }
    if (!drawn.said) return;
    const [first, size] = [drawn.mask.first, drawn.mask.size];
    const middle = first.map((start, axis) => start + Math.floor((size[axis] ?? 1) / 2));
    this.lesions = [
      ...this.lesions,
      {
        number,
        ...drawn.said,
        volume_mm3: volumeMm3,
        centroid_index: middle,
        score: 0,
        disputed: false,
        outline: 'added by the reader',
        measured_mm3: null,
        ...UNKNOWN_ERROR,
        verdict: 'accepted',
      },
    ];
  }

  private storeAssessment(): void {
    clearTimeout(this.commentTimer);
    this.commentTimer = undefined;
    this.dropped = null;
    const { acceptance, rating, comment, visual } = this;
    this.queue.push({ kind: 'assessment', acceptance, rating, comment, visual });
  }

  private async send(change: Change, edit: number): Promise<number> {
    if (change.kind === 'verdict') {
      return (await api.setVerdict(this.caseId, change.number, { edit, verdict: change.verdict })).edit;
    }
    if (change.kind === 'outline') return this.sendOutline(change.number, change.outline, edit);
    const { acceptance, rating, comment, visual } = change;
    return (await api.setAssessment(this.caseId, { edit, acceptance, rating, comment, visual_reading: visual })).edit;
  }

  private async sendOutline(number: number, outline: Outline | null, edit: number): Promise<number> {
    const answer = outline
      ? await api.setOutline(this.caseId, number, { edit, mask: outline.mask, ...(outline.said ?? NOTHING_SAID) })
      : await api.takeOutlineBack(this.caseId, number, edit);
    const stored = answer.lesions.find((line) => line.number === number);
    const shown = this.line(number);
    // Verdicts may have gone on meanwhile; the measures are the gateway's.
    if (stored && shown) Object.assign(shown, { ...stored, verdict: shown.verdict });
    return answer.review.edit;
  }

  private fresh: { detail: CaseDetail; outlines: ReadonlyMap<number, Drawn> } | null = null;

  private async reload(change: Change): Promise<{ edit: number; stored: boolean }> {
    const detail = await api.detail(this.caseId);
    const outlines = this.grid ? await this.storedOutlines(this.grid) : this.outlines;
    this.fresh = { detail, outlines };
    return { edit: detail.review?.edit ?? 0, stored: await this.holds(detail, outlines, change) };
  }

  private async holds(
    detail: CaseDetail,
    outlines: ReadonlyMap<number, Drawn>,
    change: Change,
  ): Promise<boolean> {
    if (change.kind !== 'outline') return holds(detail, change);
    const stored = outlines.get(change.number);
    if (!change.outline || !stored || !this.grid) return !change.outline && !stored;
    return samePlaces(stored.places, await unpacked(this.grid, change.outline.mask));
  }

  private async storedOutlines(grid: Grid): Promise<Map<number, Drawn>> {
    const stored = await api.outlines(this.caseId);
    const drawn = stored.outlines.map(async ({ number, mask }) => {
      return [number, { mask, places: await unpacked(grid, mask), said: saidOf(this.line(number)) }] as const;
    });
    return new Map(await Promise.all(drawn));
  }

  private giveUp(failure: Failure): void {
    clearTimeout(this.commentTimer);
    this.commentTimer = undefined;
    if (this.fresh) {
      this.adopt(this.fresh.detail);
      this.outlines = this.fresh.outlines;
      this.onDetail(this.fresh.detail);
    }
    this.undoable = [];
    this.dropped = failure;
  }

  private adopt(detail: CaseDetail): void {
    this.lesions = detail.lesions.map((line) => ({ ...line }));
    this.parts = detail.tumour?.parts.map((part) => ({ ...part })) ?? [];
    this.acceptance = detail.review?.acceptance ?? null;
    this.rating = detail.review?.rating ?? null;
    this.comment = detail.review?.comment ?? '';
    this.visual = visualOf(detail.review);
    this.seen = tumourReading(detail.review?.visual_reading);
    this.concluded = detail.review?.volume_reading ?? null;
    this.compared = detail.follow_up?.compared ?? false;
  }
}

/** What the reader said of a lesion that they added. */
function saidOf(line: LesionLine | undefined): Said | null {
  if (line?.outline !== 'added by the reader') return null;
  const { region, side, prior_volume_mm3 } = line;
  return { region, side, prior_volume_mm3, change: line.change === 'growing' ? 'growing' : 'new' };
}

/** Whether the stored state already says what a verdict or an assessment wants. */
export function holds(detail: CaseDetail, change: Exclude<Change, { kind: 'outline' }>): boolean {
  if (change.kind === 'verdict') {
    const decided = [...detail.lesions, ...(detail.tumour?.parts ?? [])];
    return decided.some((line) => line.number === change.number && line.verdict === change.verdict);
  }
  const { review } = detail;
  return (
    review?.acceptance === change.acceptance &&
    review.rating === change.rating &&
    review.comment === change.comment &&
    visualOf(review) === change.visual
  );
}

const TUMOUR_READINGS: readonly TumourReading[] = ['tumour larger', 'tumour unchanged', 'tumour smaller'];

export function tumourReading(stored: Reading | TumourReading | null | undefined): TumourReading | null {
  return TUMOUR_READINGS.find((reading) => reading === stored) ?? null;
}

/** What was seen of lesions; what is seen of a tumour is stored in a step of its own. */
function visualOf(review: Pick<ReviewState, 'visual_reading'> | null): Reading | null {
  const seen = review?.visual_reading ?? null;
  return seen === null || seen === tumourReading(seen) ? null : (seen as Reading);
}
