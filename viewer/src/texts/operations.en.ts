/** The words of the operations page, the screen at the scanner and the banner, in English. */

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const operations = {
  health: {
    title: 'Interval works with restrictions.',
    after: 'Nothing is lost; work goes on by itself as soon as this is mended.',
    unreachable: 'The server does not answer. What the page shows may be old.',
  },

  operations: {
    title: 'Operations',
    intro: 'Queues and targets. What is paused here stays paused until it is opened again, also after a restart.',
    columns: {
      name: 'Queue or target',
      state: 'State',
      waiting: 'Waiting',
      underWay: 'Under way',
      refused: 'Refused',
      since: 'Since, by, why',
      action: 'Action',
    },
    names: {
      preparation: 'Preparation: series, prior, pseudonyms',
      'fast-track': 'Measurement, fast track',
      pipelines: 'Measurement, routine',
    } as Record<string, string>,
    modes: { open: 'open', draining: 'draining', paused: 'paused' },
    drained: 'drained: nothing is left behind it',
    actions: { open: 'Open', draining: 'Drain', paused: 'Pause' },
    hints: {
      open: 'Let everything pass',
      draining: 'Begin what waits already, and nothing that comes later',
      paused: 'Begin nothing; what runs goes on to its end',
    },
    act: (action: string, name: string) => `${action}: ${name}`,
    reason: 'Reason (kept and shown)',
    done: (name: string, mode: string) => `${name}: ${mode}.`,
    waiting: {
      title: 'Cases that wait',
      none: 'No case waits.',
      priority: 'Priority',
      change: (name: string) => `Priority of the case of ${name}`,
      changed: 'The priority was changed.',
    },
    priorities: { fast_track: 'fast track', urgent: 'urgent', routine: 'routine' },
    discard: 'Discard …',
    discardCase: (name: string) => `Discard the case of ${name}`,
    discardUpload: (name: string) => `Discard ${name}`,
    uploadedFile: (source: string, at: string) => `The file that came on ${at} (${source})`,
    retryUpload: (name: string) => `Retry ${name}`,
    discardFileTitle: 'Discard this file?',
    discardFileText: 'Its bytes are removed for good. Who did it and why stays in the audit trail. No names in the reason.',
    fileDiscarded: 'The file was discarded.',
    discardTitle: 'Discard this case?',
    discardText:
      'Nothing is measured or sent for it, and no comparison uses it. Its images stay in the clinical archive. It can be retried later.',
    discardReason: 'Why (kept for good; leave out the patient’s name)',
    discarded: 'The case was discarded.',
    cancel: 'Cancel',
  },

  scanner: {
    title: 'At the scanner',
    disclaimer: 'Research use, not a medical device. The radiologist decides.',
    none: 'No study is on the fast track.',
    noneHint: 'A study appears here with its first image.',
    earlier: 'Earlier today',
    receiving: 'Images are coming',
    preparing: 'Comparing with the earlier study begins',
    waiting: 'Waiting for the earlier study',
    running: 'Being measured',
    answers: {
      'new lesion seen': 'New lesion seen',
      'no new lesion seen': 'No new lesion seen',
      'no automatic answer': 'No automatic answer',
    },
    advice: {
      'new lesion seen': 'Contrast may help.',
      'no new lesion seen': 'This does not rule one out. The radiologist decides about contrast.',
      'no automatic answer': 'The radiologist decides.',
    },
    counts: (added: number, growing: number) =>
      [
        added ? count(added, 'candidate for a new lesion', 'candidates for new lesions') : '',
        growing ? count(growing, 'growing lesion', 'growing lesions') : '',
      ]
        .filter(Boolean)
        .join(', '),
    picture: 'Prior, current, and current with the largest candidate',
    took: (seconds: number) => `${count(seconds, 'second', 'seconds')} after the last image`,
    version: (pipeline: string, version: string) => `${pipeline} ${version}`,
    measured: (found: number, marked: number, patients: number, falsePositives: number) =>
      `On the reference set it found ${found} of ${marked} new or growing lesions of ${count(patients, 'patient', 'patients')}, with ${count(falsePositives, 'false alarm', 'false alarms')}.`,
    conditions: (version: string, series: readonly string[]) =>
      `Measured with version ${version} on ${series.join(', ')}.`,
    otherVersion: 'With this version it was not measured.',
    notMeasured: 'How much it finds with these series has not been measured.',
    live: 'live',
    polled: 'updated every few seconds',
    lost: 'The server does not answer. This screen may be old.',
    firstLook: 'First look at the FLAIR, before the study was complete',
  },
} as const;
