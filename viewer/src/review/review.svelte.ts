/** A reader's open review of one case: shown at once, stored behind it. */
import { api, type Acceptance, type CaseDetail, type LesionLine, type Verdict } from '../client/api';
import { Failure } from '../client/failure';
import { SaveQueue, type Change, type Saving } from './queue';

interface Undoable {
  number: number;
  before: Verdict | null;
}

const COMMENT_PAUSE_MS = 700;

export class Review {
  lesions = $state<LesionLine[]>([]);
  acceptance = $state<Acceptance | null>(null);
  rating = $state<number | null>(null);
  comment = $state('');
  saving = $state<Saving>('saved');
  /** Why a decision was given up, until the reader decides anew. */
  dropped = $state<Failure | null>(null);
  undoable = $state<Undoable[]>([]);

  private readonly queue: SaveQueue;
  private commentTimer: ReturnType<typeof setTimeout> | undefined;

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
    return this.lesions.filter(({ verdict }) => verdict === null).length;
  }

  setVerdict(number: number, verdict: Verdict | null): void {
    const lesion = this.lesions.find((line) => line.number === number);
    if (!lesion || lesion.verdict === verdict) return;
    this.undoable.push({ number, before: lesion.verdict });
    this.storeVerdict(lesion, verdict);
  }

  /** Take back the last verdict; answers its lesion's number. */
  undo(): number | null {
    const last = this.undoable.pop();
    const lesion = this.lesions.find((line) => line.number === last?.number);
    if (!last || !lesion) return null;
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

  private storeVerdict(lesion: LesionLine, verdict: Verdict | null): void {
    lesion.verdict = verdict;
    this.dropped = null;
    this.queue.push({ kind: 'verdict', number: lesion.number, verdict });
  }

  private storeAssessment(): void {
    clearTimeout(this.commentTimer);
    this.commentTimer = undefined;
    this.dropped = null;
    const { acceptance, rating, comment } = this;
    this.queue.push({ kind: 'assessment', acceptance, rating, comment });
  }

  private async send(change: Change, edit: number): Promise<number> {
    if (change.kind === 'verdict') {
      return (await api.setVerdict(this.caseId, change.number, { edit, verdict: change.verdict })).edit;
    }
    const { acceptance, rating, comment } = change;
    return (await api.setAssessment(this.caseId, { edit, acceptance, rating, comment })).edit;
  }

  private fresh: CaseDetail | null = null;

  private async reload(change: Change): Promise<{ edit: number; stored: boolean }> {
    const detail = await api.detail(this.caseId);
    this.fresh = detail;
    return { edit: detail.review?.edit ?? 0, stored: holds(detail, change) };
  }

  private giveUp(failure: Failure): void {
    clearTimeout(this.commentTimer);
    this.commentTimer = undefined;
    if (this.fresh) {
      this.adopt(this.fresh);
      this.onDetail(this.fresh);
    }
    this.undoable = [];
    this.dropped = failure;
  }

  private adopt(detail: CaseDetail): void {
    this.lesions = detail.lesions.map((line) => ({ ...line }));
    this.acceptance = detail.review?.acceptance ?? null;
    this.rating = detail.review?.rating ?? null;
    this.comment = detail.review?.comment ?? '';
  }
}

/** Whether the stored state already says what a change wants. */
export function holds(detail: CaseDetail, change: Change): boolean {
  if (change.kind === 'verdict') {
    return detail.lesions.some((line) => line.number === change.number && line.verdict === change.verdict);
  }
  const { review } = detail;
  return (
    review?.acceptance === change.acceptance &&
    review.rating === change.rating &&
    review.comment === change.comment
  );
}
