/** The server's English sentences in another language: each under its English wording, with `{}` for what is filled in. */
export type Catalogue = Readonly<Record<string, string>>;

interface Pattern {
  english: RegExp;
  other: string;
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** What may fill a blank: `clause` keeps semicolons out, so that a phrase does not swallow the next one. */
const BLANKS = { clause: '((?:(?!; ).)+?)', any: '(.+?)' };

/** A figure with digits after the point, with its unit; a version has two points. */
const FRACTION = /^-?\d+\.\d+( (mm|ms|ml|mm³|s|%))?$/;

/** A sentence that ends with somebody's reason: that may hold anything. */
const QUOTING = /^\p{Lu}.*: \{\}$/u;

function patternsOf(catalogue: Catalogue, blank: string): Pattern[] {
  return (
    Object.entries(catalogue)
      .filter(([english]) => english.includes('{}'))
      // The most particular first: the one with the most words around its blanks.
      .sort(([a], [b]) => b.replaceAll('{}', '').length - a.replaceAll('{}', '').length)
      .map(([english, other]) => {
        const pattern = english.split('{}').map(literal).join(blank);
        const open = QUOTING.test(english) ? `${pattern.slice(0, -blank.length)}${BLANKS.any}` : pattern;
        return { english: new RegExp(`^${open}$`, 's'), other };
      })
  );
}

/** How to say a sentence in a catalogue's language; what it does not hold stays as it is. */
export function saying(catalogue: Catalogue): (sentence: string) => string {
  const strict = patternsOf(catalogue, BLANKS.clause);
  const loose = patternsOf(catalogue, BLANKS.any);
  const between = (mark: '; ' | ': ' | '.'): string => catalogue[mark] ?? mark;

  const exact = (sentence: string): string | null => (Object.hasOwn(catalogue, sentence) ? (catalogue[sentence] ?? null) : null);

  function filled(sentence: string, patterns: readonly Pattern[]): string | null {
    for (const { english, other } of patterns) {
      const [, ...values] = english.exec(sentence) ?? [];
      if (values.length === 0) continue;
      let at = 0;
      return other.replace(/\{\}/g, () => say(values[at++] ?? ''));
    }
    return null;
  }

  /** Phrases with semicolons between them, outside of brackets, where every one is known. */
  function clauses(sentence: string): string | null {
    const parts = sentence.split(/; (?![^(]*\))/);
    if (parts.length === 1) return null;
    const known = parts.map(whole);
    return known.every((part) => part !== null) ? known.join(between('; ')) : null;
  }

  /** A sentence with the name of a route or a target before it. */
  function labelled(sentence: string): string | null {
    const [, label, rest] = /^([\w.-]+): (.+)$/s.exec(sentence) ?? [];
    const known = rest === undefined ? null : whole(rest);
    return known === null ? null : `${label}${between(': ')}${known}`;
  }

  function whole(sentence: string): string | null {
    if (FRACTION.test(sentence)) return sentence.replace('.', between('.'));
    return (
      exact(sentence) ?? filled(sentence, strict) ?? clauses(sentence) ?? filled(sentence, loose) ?? labelled(sentence)
    );
  }

  /** Several sentences that were put together are said one by one. */
  function say(sentence: string): string {
    const said = whole(sentence);
    if (said !== null) return said;
    const parts = sentence.split(/(?<=[.?]) /);
    if (parts.length === 1) return sentence;
    for (let count = parts.length - 1; count > 0; count -= 1) {
      const first = whole(parts.slice(0, count).join(' '));
      if (first !== null) return `${first} ${say(parts.slice(count).join(' '))}`;
    }
    return `${parts[0]} ${say(parts.slice(1).join(' '))}`;
  }

  return say;
}
