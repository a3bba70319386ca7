/** Every word that a user reads, in English. Another language is another file of the same shape. */

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

export const texts = {
  product: 'Interval',
  disclaimer: 'Research use, not a medical device',

  failure(status: number): string {
    if (status === 0) return 'The server does not answer. Check the network connection.';
    if (status === 401) return 'Your session has ended. Please sign in again.';
    if (status === 403) return 'Your account may not do this.';
    if (status === 404) return 'This does not exist, or not yet.';
    if (status === 409) return 'Somebody changed this in the meantime.';
    if (status === 422) return 'The server did not accept the input.';
    return `The server reported an error (${status}). Please try again.`;
  },

  session: {
    title: 'Sign in',
    userName: 'User name',
    password: 'Password',
    submit: 'Sign in',
    busy: 'Signing in …',
    signOut: 'Sign out',
    ended: 'Your session has ended. Sign in to go on; nothing that you decided is lost.',
    roles: { reader: 'reader', technologist: 'technologist', operator: 'operator', auditor: 'auditor' },
  },

  navigation: { worklist: 'Worklist', quarantine: 'Quarantine', main: 'Main' },

  worklist: {
    title: 'Worklist',
    columns: {
      patient: 'Patient',
      study: 'Study',
      state: 'State',
      findings: 'Findings',
      received: 'Received',
    },
    empty: 'No cases yet. A case appears here as soon as a study is sent.',
    loading: 'Loading the worklist …',
    stale: (since: string) => `No connection since ${since}. Trying again.`,
    help: '↑ ↓ choose a case, Enter opens it',
    ready: (n: number) => `${n} ready for review`,
    total: (n: number) => count(n, 'case', 'cases'),
    noFindings: 'no change',
    findings: (added: number, growing: number) =>
      [added > 0 ? `${added} new` : '', growing > 0 ? `${growing} growing` : ''].filter(Boolean).join(', '),
    open: (patient: string, state: string) => `Open the case of ${patient}, ${state}`,
    born: 'born',
    revision: (n: number) => `revision ${n}`,
  },

  states: {
    receiving: 'Receiving images',
    complete: 'All images received',
    'waiting for prior': 'Waiting for the prior study',
    baseline: 'Baseline, no prior study',
    pseudonymised: 'Prepared',
    queued: 'Waiting for the pipeline',
    running: 'Being analysed',
    'ready for review': 'Ready for review',
    'waiting for a second reader': 'Waiting for a second reader',
    signed: 'Signed',
    dispatching: 'Being sent to the PACS',
    archived: 'Signed, stored in the PACS',
    'not routed': 'Not analysed',
    'registration failed, review by hand': 'Registration failed, review by hand',
    quarantined: 'Quarantined',
    superseded: 'Replaced by a newer revision',
  },

  ago(seconds: number): string {
    if (seconds < 60) return 'just now';
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ago`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return `${hours} h ago`;
    return `${Math.floor(hours / 24)} days ago`;
  },

  casePage: {
    loading: 'Loading the case …',
    back: 'Back to the worklist',
    next: 'Next case',
    nextHint: 'The next case that waits for a reader; its images are fetched ahead',
    current: 'Current',
    prior: 'Prior',
    noPrior: 'no prior study',
    sex: { F: 'female', M: 'male', O: 'other' },
    warnings: 'Warnings',
    noResult: 'There is no result to review yet.',
    superseded: 'A newer revision of this study replaces this case.',
    readersOnly: 'Only readers see the images.',
    panels: {
      series: 'Series of this study',
      quality: 'Quality figures',
      deliveries: 'Objects sent',
      events: 'History',
    },
    series: {
      number: 'Series',
      modality: 'Modality',
      images: 'Images',
      use: 'Use',
      reason: 'Reason',
      left: 'not used',
    },
    quality: {
      name: 'Figure',
      value: 'Value',
      judgement: 'Judgement',
      acceptable: 'as expected',
      notAcceptable: 'outside the expected range',
      outside: (n: number) => `${n} outside the expected range`,
    },
    deliveries: {
      object: 'Object',
      target: 'Target',
      state: 'State',
      confirmed: (at: string) => `confirmed by the target, ${at}`,
      waiting: 'not confirmed yet',
      summary: (confirmed: number, total: number) => `${confirmed} of ${total} confirmed`,
      sent: (confirmed: number, total: number, target: string) =>
        `${confirmed} of ${count(total, 'object', 'objects')} stored and confirmed in ${target}`,
      none: 'Nothing has been sent yet.',
    },
    events: { at: 'Time', what: 'What happened', state: 'State after it', who: 'By' },
  },

  images: {
    prior: 'Prior',
    earlier: 'Earlier',
    current: 'Current',
    titles: { lesions: 'Current with lesions', subtraction: 'Current minus prior', checkerboard: 'Checkerboard' },
    group: 'Images',
    loading: 'Loading the images …',
    failed: 'The images can’t be shown.',
    retry: 'Try again',
    noSequence: (role: string) => `This study has no ${role} series here.`,
    planes: { axial: 'Axial', coronal: 'Coronal', sagittal: 'Sagittal' },
    plane: 'Plane',
    planeHint: (key: number) => `Key ${key}`,
    sequence: 'Sequence',
    sequenceHint: 'Q: next sequence',
    comparedWith: 'Compare with',
    blink: 'Blink',
    blinkHint: 'Prior and current in turn in the middle picture (B)',
    right: 'Right',
    rightHint: 'What the right picture shows (C)',
    rights: { lesions: 'Lesions', subtraction: 'Subtraction', checkerboard: 'Checkerboard' },
    crosshair: 'Cross-hair',
    crosshairHint: 'The same place in all pictures (X)',
    reset: 'Reset',
    resetHint: 'Reset position, zoom and window (0)',
    overlay: 'Lesions',
    overlayHint: 'Show or hide the lesions (H)',
    fill: 'Fill',
    fillHint: 'Fill the lesions or outline them only (F)',
    opacity: 'Opacity',
    opacityHint: 'Of the lesions',
    statuses: {
      new: 'new',
      growing: 'growing',
      shrinking: 'shrinking',
      vanished: 'vanished',
      rejected: 'rejected',
    },
    hidden: 'LESIONS HIDDEN',
    help: 'Wheel or ↑ ↓ slice · left drag window · right drag zoom · middle or Shift-drag pan',
    slice: (index: number, total: number) => `Slice ${index} / ${total}`,
    window: (width: number, center: number) => `W ${width} C ${center}`,
    scale: (centimetres: number) => `${centimetres} cm`,
    label: (name: string, date: string, plane: string, slice: string) =>
      `${name}, study of ${date}, ${plane}, ${slice}`,
  },

  drawing: {
    missed: 'Missed lesion',
    missedHint: 'Add a lesion that was missed: click into it (M)',
    clickHint: 'Click into the lesion that was missed. Esc: do not add one.',
    correct: 'Correct outline',
    correctHint: 'Correct the selected lesion’s outline with brush and eraser (E)',
    title: (n: number) => `Correct lesion ${n}`,
    adding: (n: number) => `Add lesion ${n}`,
    tool: 'Tool',
    brush: 'Brush',
    eraser: 'Eraser',
    eraserHint: 'Brush or eraser (D)',
    size: 'Size',
    sizeHint: 'Diameter of the brush ([ and ])',
    millimetres: (value: number) => `${value} mm`,
    reach: 'Reach',
    reachHint: 'How far the region grows from the click',
    growing: 'Looking for the lesion’s edge …',
    choose: 'choose …',
    regions: {
      periventricular: 'periventricular',
      'juxtacortical or cortical': 'juxtacortical or cortical',
      'deep white matter': 'deep white matter',
      infratentorial: 'infratentorial',
    },
    keep: 'Keep outline',
    add: 'Add lesion',
    keepHint: 'Enter; the algorithm’s own outline is kept beside it',
    restore: 'Algorithm’s outline',
    restoreHint: 'Take your outline back',
    cancel: 'Cancel',
    cancelHint: 'Esc',
  },

  lesions: {
    title: 'Lesions',
    caption: 'Lesions found by the pipeline, with the reader’s verdict',
    columns: {
      number: 'No.',
      change: 'Change',
      volume: 'Volume',
      before: 'Before',
      region: 'Region',
      side: 'Side',
      score: 'Score',
      verdict: 'Verdict',
    },
    none: 'The pipeline found no new, growing, shrinking or vanished lesion.',
    withheld: 'The result was rejected. Its lesions and volumes are not shown.',
    changes: { new: 'new', growing: 'growing', shrinking: 'shrinking', vanished: 'vanished' },
    sides: { left: 'left', right: 'right', midline: 'midline' },
    growth: (added: string) => `+${added}`,
    accept: 'Accept',
    reject: 'Reject',
    accepted: 'accepted',
    rejected: 'rejected',
    undecided: 'undecided',
    acceptLesion: (n: number) => `Accept lesion ${n}`,
    rejectLesion: (n: number) => `Reject lesion ${n}`,
    outlines: {
      algorithm: '',
      'corrected by the reader': 'outline corrected',
      'added by the reader': 'added by you',
    },
    measured: (volume: string) => `the algorithm drew ${volume}`,
    totals: 'Not rejected',
    noTotals: 'nothing new or growing',
    newTotal: (n: number, volume: string) => `${n} new, ${volume}`,
    growingTotal: (n: number, volume: string) => `${n} growing, +${volume}`,
    lostTotal: (n: number, volume: string) => `${n} shrinking or vanished, −${volume}`,
    load: (volume: string) => `added in all ${volume}`,
    show: (n: number) => `Show lesion ${n} in the images`,
    undo: 'Undo',
    undoHint: 'Take back the last verdict or outline (U)',
    help: 'N P next, previous · A accept · R reject · U undo · M missed · E correct',
    progress: (decided: number, total: number) => `${decided} of ${total} decided`,
    verdictSaved: (n: number, verdict: string) => `Lesion ${n} ${verdict}`,
  },

  volume(mm3: number): string {
    if (Math.round(mm3) >= 1000) return `${(mm3 / 1000).toFixed(2)} ml`;
    return `${Math.round(mm3)} mm³`;
  },

  assessment: {
    title: 'Whole result',
    acceptance: 'Result',
    acceptable: 'Acceptable',
    unacceptable: 'Unacceptable',
    unacceptableHint: 'needed: the reason; no volume leaves the system',
    rating: 'Rating',
    ratings: {
      1: 'unusable',
      2: 'poor, major errors',
      3: 'fair, some errors',
      4: 'good, minor errors',
      5: 'excellent',
    },
    comment: 'Comment',
    commentHint: 'part of the report; leave out the patient’s name',
    sign: 'Sign …',
    notYet: 'Before signing:',
    needs: {
      acceptance: 'say whether the result is acceptable',
      rating: 'rate the result',
      comment: 'say in the comment why it is unacceptable',
      verdicts: (n: number) => `decide on ${count(n, 'more lesion', 'more lesions')}`,
      saved: 'wait until all is saved',
    },
  },

  saving: {
    saved: 'All changes saved',
    saving: 'Saving …',
    retrying: 'Not saved, trying again',
    conflict: 'Somebody else changed this case. The page now shows its present state; check your last decision.',
    refused: (reason: string) => `Not saved: ${reason} The page now shows the stored state.`,
    leave: 'A decision is not saved yet.',
  },

  signing: {
    title: 'Sign the result',
    patient: 'Patient',
    studies: 'Studies',
    result: 'Result',
    rating: 'Rating',
    comment: 'Comment',
    consequenceAcceptable: 'The accepted lesions and their volumes are sent to the PACS under the patient’s name.',
    consequenceUnacceptable: 'No volumes are sent. The PACS gets the note that the result was rejected, with your comment.',
    password: 'Your password',
    confirm: 'Sign',
    busy: 'Signing …',
    cancel: 'Cancel',
    signedBy: (reader: string, at: string) => `Signed by ${reader}, ${at}`,
    readOnly: 'The review is signed and can’t be changed.',
    summaryNone: 'no lesion found, no change',
    summaryUnacceptable: 'unacceptable: no volumes are reported',
    summary: (accepted: number, total: number) => `${accepted} of ${count(total, 'lesion', 'lesions')} accepted`,
    kinds: (added: number, growing: number, shrinking: number, vanished: number) =>
      [
        added ? `${added} new` : '',
        growing ? `${growing} growing` : '',
        shrinking ? `${shrinking} shrinking` : '',
        vanished ? `${vanished} vanished` : '',
      ].filter(Boolean),
    total: (volume: string) => `total ${volume}`,
  },

  quarantine: {
    title: 'Quarantine',
    intro: 'What could not be processed, and why. Nothing here is deleted.',
    cases: 'Cases',
    uploads: 'Files',
    noCases: 'No case is in quarantine.',
    noUploads: 'No file is in quarantine.',
    columns: {
      patient: 'Patient',
      study: 'Study',
      state: 'State',
      reason: 'Reason',
      since: 'Since',
      action: 'Action',
      at: 'Received',
      source: 'Source',
      size: 'Size',
    },
    retry: 'Retry',
    retryCase: (patient: string) => `Retry the case of ${patient}`,
    retried: 'The case is being processed again.',
    uploadTitle: 'Send DICOM files',
    uploadHint: 'Files that are good go to the clinical archive; others stay here with the reason.',
    choose: 'Choose files',
    upload: 'Send',
    uploading: 'Sending …',
    uploaded: (accepted: number, kept: number) =>
      `${count(accepted, 'file', 'files')} accepted${kept ? `, ${count(kept, 'file', 'files')} put into quarantine` : ''}.`,
  },

  size(bytes: number): string {
    if (bytes < 1024) return `${bytes} B`;
    if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} kB`;
    return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  },
} as const;
