/** Whether a person uses the page: what it asks for by itself must not keep a session alive. */

const ACTIVE_FOR_MS = 60_000;
let lastSeen = 0;

const note = () => (lastSeen = Date.now());

for (const kind of ['pointerdown', 'pointermove', 'keydown', 'wheel'] as const) {
  globalThis.addEventListener?.(kind, note, { passive: true, capture: true });
}

export function personActive(): boolean {
  return Date.now() - lastSeen < ACTIVE_FOR_MS;
}
