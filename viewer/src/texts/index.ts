/** The words of the page, in the language that its person chose. */
import { texts as english } from './en';

/** The shape that every language fills: a missing or surplus key fails the type check. */
type Words<T> = T extends string
  ? string
  : T extends (...given: infer A) => infer R
    ? (...given: A) => R extends string ? string : R
    : { readonly [K in keyof T]: Words<T[K]> };

export type Texts = Words<typeof english>;

export const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français' } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT = 'interval-language';
const isLanguage = (value: string | null | undefined): value is Language => Boolean(value && value in LANGUAGES);

function chosen(): Language {
  const kept = globalThis.localStorage?.getItem(KEPT);
  if (isLanguage(kept)) return kept;
  const preferred = globalThis.navigator?.language?.slice(0, 2);
  return isLanguage(preferred) ? preferred : 'en';
}

export const language: Language = chosen();

/** Remember a language and load the page anew in it. */
export function choose(next: Language): void {
  globalThis.localStorage.setItem(KEPT, next);
  globalThis.location.reload();
}

/** Only the chosen language is loaded beside English. */
async function load(): Promise<Texts> {
  if (language === 'de') return (await import('./de')).texts;
  if (language === 'fr') return (await import('./fr')).texts;
  return english;
}

export const texts: Texts = await load();
