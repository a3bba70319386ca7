/**
 * Carries a reader's decisions to the gateway, one after the other, and loses none.
 *
 * Each change names the `edit` that it builds on. While no answer comes, the change stays at the head and is tried
 * again. When the gateway says that somebody else changed the case, the caller reloads and says whether the change
 * had arrived after all (an answer can get lost on its way back).
 */
import type { Acceptance, Reading, OutlineMask, Schemas, Verdict } from '../client/api';
import { Failure } from '../client/failure';

/** What a reader says of a lesion that the algorithm missed. */
export interface Said {
  region: Schemas['Region'];
  side: Schemas['Side'];
  change: 'new' | 'growing';
  /** At the earlier study; 0 of a new lesion. */
  prior_volume_mm3: number;
}

/** What the reader drew; what is said only of a lesion that the algorithm missed. */
export interface Outline {
  mask: OutlineMask;
  said: Said | null;
}

export type Change =
  | { kind: 'verdict'; number: number; verdict: Verdict | null }
  | { kind: 'outline'; number: number; outline: Outline | null }
  | {
      kind: 'assessment';
      acceptance: Acceptance | null;
      rating: number | null;
      comment: string;
      visual: Reading | null;
    };

export type Saving = 'saved' | 'saving' | 'retrying';

export interface Outlet {
  /** Store a change that builds on an edit; answers the new edit. */
  send(change: Change, edit: number): Promise<number>;
  /** Load the stored state anew; answers its edit and whether this change is part of it. */
  reload(change: Change): Promise<{ edit: number; stored: boolean }>;
  onSaving(saving: Saving): void;
  /** A change was given up: somebody else's came first (409), or the gateway refused it. */
  onDropped(failure: Failure): void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;

const sameSubject = (a: Change, b: Change): boolean =>
  a.kind === 'assessment' ? b.kind === 'assessment' : b.kind === a.kind && a.number === b.number;

export class SaveQueue {
  private pending: Change[] = [];
  private running = false;
  private wakeUp: () => void = () => undefined;
  private idle: (() => void)[] = [];
  private closed = false;

  constructor(
    public edit: number,
    private readonly outlet: Outlet,
  ) {}

  get empty(): boolean {
    return this.pending.length === 0;
  }

  push(change: Change): void {
    // A later word on the same subject replaces an earlier one that has not been sent yet.
    const unsent = this.running ? this.pending.slice(1) : this.pending;
    const sent = this.running ? this.pending.slice(0, 1) : [];
    this.pending = [...sent, ...unsent.filter((other) => !sameSubject(other, change)), change];
    if (!this.running) void this.run();
  }

  /** Try at once instead of waiting further, for the network is back or the reader has signed in again. */
  wake(): void {
    this.wakeUp();
  }

  /** Resolves when everything is stored or given up. */
  settled(): Promise<void> {
    if (!this.running) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  close(): void {
    this.closed = true;
    this.wake();
  }

  private async run(): Promise<void> {
    this.running = true;
    this.outlet.onSaving('saving');
    let waitMs = FIRST_WAIT_MS;
    while (!this.closed) {
      const change = this.pending[0];
      if (!change) break;
      try {
        await this.step(change);
        waitMs = FIRST_WAIT_MS;
        this.outlet.onSaving('saving');
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        this.outlet.onSaving('retrying');
        await this.pause(waitMs);
        waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
      }
    }
    this.running = false;
    if (!this.closed) this.outlet.onSaving('saved');
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Store one change or give it up; throws a `Failure` when it must be tried again. */
  private async step(change: Change): Promise<void> {
    try {
      this.edit = await this.outlet.send(change, this.edit);
      this.pending = this.pending.slice(1);
    } catch (error) {
      if (!(error instanceof Failure) || error.transient || error.status === 401) throw error;
      const { edit, stored } = await this.outlet.reload(change);
      this.edit = edit;
      this.pending = stored ? this.pending.slice(1) : [];
      if (!stored) this.outlet.onDropped(error);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
