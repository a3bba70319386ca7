/** The server's English sentences in another language: each under its English wording, with `{}` for what is filled in. */
export type Catalogue = Readonly<Record<string, string>>;

interface Pattern {
  english: RegExp;
  other: string;
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function patternsOf(catalogue: Catalogue): Pattern[] {
  return (
    Object.entries(catalogue)
      .filter(([english]) => english.includes('{}'))
      // The most particular first: the one with the most words around its blanks.
      .sort(([a], [b]) => b.replaceAll('{}', '').length - a.replaceAll('{}', '').length)
      .map(([english, other]) => ({ english: new RegExp(`^${english.split('{}').map(literal).join('(.+?)')}$`, 's'), other }))
  );
}

/** How to say a sentence in a catalogue's language; what it does not hold stays as it is. */
export function saying(catalogue: Catalogue): (sentence: string) => string {
  const patterns = patternsOf(catalogue);

  function whole(sentence: string): string | null {
    const known = catalogue[sentence];
    if (known !== undefined) return known;
    for (const { english, other } of patterns) {
      const [, ...values] = english.exec(sentence) ?? [];
      if (values.length === 0) continue;
      let at = 0;
      return other.replace(/\{\}/g, () => say(values[at++] ?? ''));
    }
    return null;
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
