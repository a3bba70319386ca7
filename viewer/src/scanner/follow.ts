/** First looks as they change: pushed by the gateway, and asked for every few seconds where that does not get through. */
import { Failure } from '../client/failure';
import { operations, type FirstLooks } from '../client/operations';

export interface Following {
  stop(): void;
}

export interface Listener {
  /** `live` is false while the answers are asked for instead of pushed. */
  onLooks: (looks: FirstLooks, live: boolean) => void;
  onLost: (message: string) => void;
}

const ASK_EVERY_MS = 3_000;

export function follow({ onLooks, onLost }: Listener, open = () => new EventSource('/api/technologist/events')): Following {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const source = open();

  async function ask(): Promise<void> {
    timer = undefined;
    if (stopped || source.readyState === EventSource.OPEN) return;
    try {
      onLooks(await operations.firstLooks(), false);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      onLost(error.message);
    }
    if (!stopped) timer ??= setTimeout(() => void ask(), ASK_EVERY_MS);
  }

  source.onmessage = (event: MessageEvent<string>) => onLooks(JSON.parse(event.data) as FirstLooks, true);
  // The browser tries to connect again by itself; until it has, the page asks.
  source.onerror = () => (timer ??= setTimeout(() => void ask(), ASK_EVERY_MS));
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      source.close();
    },
  };
}
