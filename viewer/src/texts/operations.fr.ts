/** The words of the operations page, the screen at the scanner and the banner, in French. */
import type { Texts } from '.';

const count = (n: number, one: string, many: string): string => `${n} ${n < 2 ? one : many}`;

export const operations: Pick<Texts, 'health' | 'operations' | 'scanner'> = {
  health: {
    title: 'Interval fonctionne de façon restreinte.',
    after: 'Rien n’est perdu ; le travail reprend de lui-même dès que c’est réparé.',
    unreachable: 'Le serveur ne répond pas. Ce que montre la page peut être périmé.',
  },

  operations: {
    title: 'Exploitation',
    intro: 'Files d’attente et destinations. Ce qui est suspendu ici le reste jusqu’à sa réouverture, même après un redémarrage.',
    columns: {
      name: 'File ou destination',
      state: 'État',
      waiting: 'En attente',
      underWay: 'En cours',
      refused: 'Refusés',
      since: 'Depuis, par, motif',
      action: 'Action',
    },
    names: {
      preparation: 'Préparation : séries, examen antérieur, pseudonymes',
      'fast-track': 'Analyse, patient sur la table',
      pipelines: 'Analyse, routine',
    },
    modes: { open: 'ouverte', draining: 'se vide', paused: 'suspendue' },
    drained: 'vide : il ne reste rien derrière',
    actions: { open: 'Ouvrir', draining: 'Vider', paused: 'Suspendre' },
    hints: {
      open: 'Tout laisser passer',
      draining: 'Commencer ce qui attend déjà, et rien de ce qui viendra ensuite',
      paused: 'Ne rien commencer ; ce qui est en cours se termine',
    },
    act: (action, name) => `${action} : ${name}`,
    reason: 'Motif (conservé et affiché)',
    done: (name, mode) => `${name} : ${mode}.`,
    waiting: {
      title: 'Cas en attente',
      none: 'Aucun cas n’attend.',
      priority: 'Priorité',
      change: (name) => `Priorité du cas de ${name}`,
      changed: 'La priorité a été modifiée.',
    },
    priorities: { fast_track: 'sur la table', urgent: 'urgent', routine: 'routine' },
    discard: 'Écarter…',
    discardCase: (name) => `Écarter le cas de ${name}`,
    discardUpload: (name) => `Écarter ${name}`,
    uploadedFile: (source, at) => `Le fichier reçu le ${at} (${source})`,
    retryUpload: (name) => `Relancer : ${name}`,
    discardFileTitle: 'Écarter ce fichier ?',
    discardFileText: 'Son contenu est supprimé définitivement. Qui l’a fait et pourquoi reste dans le journal. Pas de noms dans le motif.',
    fileDiscarded: 'Le fichier a été écarté.',
    discardTitle: 'Écarter ce cas ?',
    discardText:
      'Rien n’est mesuré ni envoyé pour lui, et aucune comparaison ne l’utilise. Ses images restent dans l’archive clinique. Il peut être relancé plus tard.',
    discardReason: 'Pourquoi (conservé ; sans le nom du patient)',
    discarded: 'Le cas a été écarté.',
    cancel: 'Annuler',
  },

  scanner: {
    title: 'À la console',
    disclaimer: 'Réservé à la recherche, n’est pas un dispositif médical. Le radiologue décide.',
    none: 'Aucun examen n’est analysé en priorité.',
    noneHint: 'Un examen apparaît ici dès sa première image.',
    earlier: 'Plus tôt dans la journée',
    receiving: 'Réception des images',
    preparing: 'La comparaison avec l’examen antérieur commence',
    waiting: 'En attente de l’examen antérieur',
    running: 'Analyse en cours',
    answers: {
      'new lesion seen': 'Nouvelle lésion vue',
      'no new lesion seen': 'Pas de nouvelle lésion vue',
      'no automatic answer': 'Pas de réponse automatique',
    },
    advice: {
      'new lesion seen': 'Un produit de contraste peut être utile.',
      'no new lesion seen': 'Cela n’en exclut pas. Le radiologue décide de l’injection.',
      'no automatic answer': 'Le radiologue décide.',
    },
    counts: (added, growing) =>
      [
        added ? count(added, 'nouvelle lésion possible', 'nouvelles lésions possibles') : '',
        growing ? count(growing, 'lésion augmentée de volume', 'lésions augmentées de volume') : '',
      ]
        .filter(Boolean)
        .join(', '),
    picture: 'Examen antérieur, examen actuel, et l’actuel avec la plus grande lésion possible',
    took: (seconds) => `${count(seconds, 'seconde', 'secondes')} après la dernière image`,
    version: (pipeline, version) => `${pipeline} ${version}`,
    measured: (found, marked, patients, falsePositives) =>
      `Sur le jeu de référence, elle a trouvé ${found} des ${marked} lésions nouvelles ou augmentées de volume de ${count(patients, 'patient', 'patients')}, avec ${count(falsePositives, 'faux positif', 'faux positifs')}.`,
    conditions: (version, series) => `Mesuré avec la version ${version} sur ${series.join(', ')}.`,
    otherVersion: 'Sa sensibilité n’a pas été mesurée avec cette version.',
    notMeasured: 'Sa sensibilité avec ces séries n’a pas été mesurée.',
    live: 'en direct',
    polled: 'actualisé toutes les quelques secondes',
    lost: 'Le serveur ne répond pas. Cet écran peut être périmé.',
    firstLook: 'Premier regard sur la FLAIR, avant que l’examen soit complet',
  },
};
