import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Failure } from '../src/client/failure';
import { SaveQueue, type Change, type Outlet, type Saving } from '../src/review/queue';

const verdict = (number: number, value: 'accepted' | 'rejected'): Change => ({ kind: 'verdict', number, verdict: value });
const assessment = (comment: string): Change => ({
  kind: 'assessment',
  acceptance: null,
  rating: null,
  comment,
  visual: null,
});

/** A gateway in small: counts edits, refuses stale ones, can be cut off. */
class Gateway implements Outlet {
  edit = 0;
  stored: Change[] = [];
  says: Saving[] = [];
  dropped: number[] = [];
  /** What happens to the next requests, first come first served. */
  fate: ('lost on the way there' | 'lost on the way back' | 'refused' | 'signed out')[] = [];

  async send(change: Change, edit: number): Promise<number> {
    await Promise.resolve();
    const fate = this.fate.shift();
    if (fate === 'lost on the way there') throw new Failure(0, 'lost');
    if (fate === 'signed out') throw new Failure(401, 'sign in');
    if (fate === 'refused') throw new Failure(422, 'refused');
    if (edit !== this.edit) throw new Failure(409, 'stale');
    this.edit += 1;
    this.stored.push(change);
    if (fate === 'lost on the way back') throw new Failure(0, 'lost');
    return this.edit;
  }

  async reload(change: Change): Promise<{ edit: number; stored: boolean }> {
    await Promise.resolve();
    return { edit: this.edit, stored: this.stored.some((other) => JSON.stringify(other) === JSON.stringify(change)) };
  }

  onSaving(saving: Saving): void {
    this.says.push(saving);
  }

  onDropped(failure: Failure): void {
    this.dropped.push(failure.status);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('changes are stored in order, each on the edit before it', async () => {
  const gateway = new Gateway();
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  queue.push(verdict(2, 'rejected'));
  await queue.settled();
  expect(gateway.stored).toEqual([verdict(1, 'accepted'), verdict(2, 'rejected')]);
  expect(queue.edit).toBe(2);
  expect(gateway.says.at(-1)).toBe('saved');
});

test('what is said again before it was sent is sent once, in its last form', async () => {
  const gateway = new Gateway();
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  queue.push(assessment('a'));
  queue.push(assessment('ab'));
  queue.push(verdict(1, 'rejected'));
  await queue.settled();
  expect(gateway.stored).toEqual([verdict(1, 'accepted'), assessment('ab'), verdict(1, 'rejected')]);
});

test('a decision is tried until it is stored, and the reader is told', async () => {
  const gateway = new Gateway();
  gateway.fate = ['lost on the way there', 'lost on the way there', 'lost on the way there'];
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  await vi.advanceTimersByTimeAsync(2_500);
  expect(gateway.stored).toEqual([]);
  expect(gateway.says.at(-1)).toBe('retrying');
  expect(queue.empty).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(gateway.stored).toEqual([verdict(1, 'accepted')]);
  expect(gateway.says.at(-1)).toBe('saved');
});

test('a returning network wakes the queue at once', async () => {
  const gateway = new Gateway();
  gateway.fate = ['signed out'];
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  await vi.advanceTimersByTimeAsync(10);
  queue.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(gateway.stored).toHaveLength(1);
});

test('a stored decision whose answer was lost is no conflict', async () => {
  const gateway = new Gateway();
  gateway.fate = ['lost on the way back'];
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  queue.push(verdict(2, 'rejected'));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(gateway.dropped).toEqual([]);
  expect(gateway.stored).toEqual([verdict(1, 'accepted'), verdict(2, 'rejected')]);
});

test('somebody else’s change is never overwritten', async () => {
  const gateway = new Gateway();
  gateway.edit = 5;
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  queue.push(verdict(2, 'accepted'));
  await queue.settled();
  expect(gateway.dropped).toEqual([409]);
  expect(gateway.stored).toEqual([]);
  expect(queue.empty).toBe(true);
  queue.push(verdict(3, 'accepted'));
  await queue.settled();
  expect(gateway.stored).toEqual([verdict(3, 'accepted')]);
});

test('a refused change is given up and said', async () => {
  const gateway = new Gateway();
  gateway.fate = ['refused'];
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  await queue.settled();
  expect(gateway.dropped).toEqual([422]);
  expect(gateway.says.at(-1)).toBe('saved');
});

test('a closed queue stops trying', async () => {
  const gateway = new Gateway();
  gateway.fate = ['lost on the way there'];
  const queue = new SaveQueue(0, gateway);
  queue.push(verdict(1, 'accepted'));
  await vi.advanceTimersByTimeAsync(10);
  queue.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(gateway.stored).toEqual([]);
});
