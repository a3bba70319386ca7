/** The words of the operations page, the screen at the scanner and the banner, in German. */
import type { Texts } from '.';

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const operations: Pick<Texts, 'health' | 'operations' | 'scanner'> = {
  health: {
    title: 'Interval arbeitet eingeschränkt.',
    after: 'Nichts geht verloren; die Arbeit geht von selbst weiter, sobald das behoben ist.',
    unreachable: 'Der Server antwortet nicht. Was die Seite zeigt, kann veraltet sein.',
  },

  operations: {
    title: 'Betrieb',
    intro: 'Warteschlangen und Ziele. Was hier angehalten wird, bleibt es, bis es wieder geöffnet wird, auch nach einem Neustart.',
    columns: {
      name: 'Warteschlange oder Ziel',
      state: 'Stand',
      waiting: 'Wartend',
      underWay: 'In Arbeit',
      refused: 'Abgewiesen',
      since: 'Seit, durch, warum',
      action: 'Aktion',
    },
    names: {
      preparation: 'Vorbereitung: Serien, Voruntersuchung, Pseudonyme',
      'fast-track': 'Auswertung, auf dem Tisch',
      pipelines: 'Auswertung, Routine',
    },
    modes: { open: 'offen', draining: 'läuft leer', paused: 'angehalten' },
    drained: 'leer: dahinter ist nichts mehr',
    actions: { open: 'Öffnen', draining: 'Leerlaufen lassen', paused: 'Anhalten' },
    hints: {
      open: 'Alles durchlassen',
      draining: 'Beginnen, was schon wartet, und nichts, was später kommt',
      paused: 'Nichts beginnen; was läuft, läuft zu Ende',
    },
    act: (action, name) => `${action}: ${name}`,
    reason: 'Grund (wird aufbewahrt und gezeigt)',
    done: (name, mode) => `${name}: ${mode}.`,
    waiting: {
      title: 'Wartende Fälle',
      none: 'Kein Fall wartet.',
      priority: 'Dringlichkeit',
      change: (name) => `Dringlichkeit des Falls von ${name}`,
      changed: 'Die Dringlichkeit wurde geändert.',
    },
    priorities: { fast_track: 'auf dem Tisch', urgent: 'dringend', routine: 'Routine' },
    discard: 'Verwerfen …',
    discardCase: (name) => `Fall von ${name} verwerfen`,
    discardUpload: (name) => `${name} verwerfen`,
    uploadedFile: (source, at) => `Die Datei vom ${at} (${source})`,
    retryUpload: (name) => `Neu versuchen: ${name}`,
    discardFileTitle: 'Diese Datei verwerfen?',
    discardFileText: 'Ihr Inhalt wird endgültig entfernt. Wer das tat und warum, bleibt im Protokoll. Keine Namen in der Begründung.',
    fileDiscarded: 'Die Datei wurde verworfen.',
    discardTitle: 'Diesen Fall verwerfen?',
    discardText:
      'Für ihn wird nichts ausgewertet oder gesendet, und kein Vergleich nutzt ihn. Seine Bilder bleiben im klinischen Archiv. Er lässt sich später neu versuchen.',
    discardReason: 'Warum (bleibt erhalten; bitte ohne Namen des Patienten)',
    discarded: 'Der Fall wurde verworfen.',
    cancel: 'Abbrechen',
  },

  scanner: {
    title: 'Am Gerät',
    disclaimer: 'Nur für Forschung, kein Medizinprodukt. Es entscheidet der Radiologe.',
    none: 'Keine Untersuchung wird sofort ausgewertet.',
    noneHint: 'Eine Untersuchung erscheint hier mit ihrem ersten Bild.',
    earlier: 'Früher am Tag',
    receiving: 'Bilder gehen ein',
    preparing: 'Der Vergleich mit der Voruntersuchung beginnt',
    waiting: 'Wartet auf die Voruntersuchung',
    running: 'Wird ausgewertet',
    answers: {
      'new lesion seen': 'Neue Läsion gesehen',
      'no new lesion seen': 'Keine neue Läsion gesehen',
      'no automatic answer': 'Keine automatische Antwort',
    },
    advice: {
      'new lesion seen': 'Kontrastmittel kann helfen.',
      'no new lesion seen': 'Das schließt keine aus. Über Kontrastmittel entscheidet der Radiologe.',
      'no automatic answer': 'Es entscheidet der Radiologe.',
    },
    counts: (added, growing) =>
      [
        added ? count(added, 'mögliche neue Läsion', 'mögliche neue Läsionen') : '',
        growing ? count(growing, 'größenprogrediente Läsion', 'größenprogrediente Läsionen') : '',
      ]
        .filter(Boolean)
        .join(', '),
    picture: 'Voruntersuchung, aktuell, und aktuell mit der größten möglichen Läsion',
    took: (seconds) => `${count(seconds, 'Sekunde', 'Sekunden')} nach dem letzten Bild`,
    version: (pipeline, version) => `${pipeline} ${version}`,
    measured: (found, marked, patients, falsePositives) =>
      `Am Referenzsatz fand sie ${found} von ${marked} neuen oder größenprogredienten Läsionen bei ${patients} Patienten, mit ${falsePositives} falsch positiven.`,
    conditions: (version, series) => `Gemessen mit Version ${version} auf ${series.join(', ')}.`,
    otherVersion: 'Mit dieser Version wurde nicht gemessen, wie viel sie findet.',
    notMeasured: 'Wie viel sie mit diesen Serien findet, wurde nicht gemessen.',
    live: 'aktuell',
    polled: 'alle paar Sekunden erneuert',
    lost: 'Der Server antwortet nicht. Was hier steht, kann veraltet sein.',
    firstLook: 'Erster Blick auf die FLAIR, bevor die Untersuchung vollständig war',
  },
};
