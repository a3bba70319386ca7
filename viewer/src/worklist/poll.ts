/** Asks again and again while somebody looks; rests while the page is hidden. */

export interface Poll {
  stop(): void;
}

/** Call `ask` now, then each time `everyMs` after it has finished; at once when the page is shown again. */
export function poll(ask: () => Promise<void>, everyMs: number): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let asking = false;

  async function turn(): Promise<void> {
    clearTimeout(timer);
    if (stopped || asking || document.hidden) return;
    asking = true;
    try {
      await ask();
    } finally {
      asking = false;
      if (!stopped) timer = setTimeout(() => void turn(), everyMs);
    }
  }

  const onVisible = () => void turn();
  document.addEventListener('visibilitychange', onVisible);
  void turn();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    },
  };
}
