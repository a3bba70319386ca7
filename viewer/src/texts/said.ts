/** What the server says in English sentences, in the language of the page: fetched with the first sentence that is shown. */
import { createSubscriber } from 'svelte/reactivity';

import { language, type Language } from '.';
import { saying, type Catalogue } from './catalogue';
import de from './sentences.de.json?url';
import fr from './sentences.fr.json?url';

const ADDRESSES: Partial<Record<Language, string>> = { de, fr };

let say: ((sentence: string) => string) | null = null;
let fetching: Promise<void> | null = null;
const shown = new Set<() => void>();
const subscribe = createSubscriber((update) => {
  shown.add(update);
  return () => shown.delete(update);
});

/** Fetch the page's sentences; without them the server's English is shown. */
export function sentences(): Promise<void> {
  const address = ADDRESSES[language];
  if (!address) return Promise.resolve();
  fetching ??= fetch(address)
    .then(async (answer) => {
      if (!answer.ok) return;
      say = saying((await answer.json()) as Catalogue);
      for (const update of shown) update();
    })
    .catch(() => {
      fetching = null;
    });
  return fetching;
}

/** A sentence or name that the server gave; the page shows it anew when its language has come. */
export function said(sentence: string): string {
  if (say) return say(sentence);
  subscribe();
  void sentences();
  return sentence;
}
