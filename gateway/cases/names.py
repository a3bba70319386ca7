"""What sites call their series, in the languages of scanners' consoles.

Names are second to physics: they decide only where the header lacks what would decide, and they exclude what no
attribute tells (another region, a reformatted stack that calls itself original).
"""

from __future__ import annotations

import re
import unicodedata

_START, _END = r"(?<![a-z])", r"(?![a-z])"


def _of(*words: str) -> re.Pattern[str]:
    """Any of the words; one that ends with ``*`` may go on."""
    parts = [re.escape(word[:-1]) if word.endswith("*") else re.escape(word) + _END for word in words]
    return re.compile(_START + "(?:" + "|".join(parts).replace(r"\ ", "[ ._-]?") + ")")


_FLAIR = re.compile(r"flair|dark[ _-]?fl(?:uid)?|tirm|fluid[ _-]?att|spair[ _-]?vista")
_DOUBLE_INVERSION = _of("dir", "double inv*", "doble inv*", "doppelinv*")
_ANGIOGRAPHY = _of("tof", "mra", "angio*", "mrv", "pca", "cta", "venograph*", "arm tof")
_DIFFUSION = _of("dwi", "dti", "diff*", "difu*", "diffu*", "trace*", "resolve")
_SUSCEPTIBILITY = _of("swi", "swan", "swip", "venobold", "suscept*", "suszept*", "suscett*", "sensibilite mag*", "bspi")
_ELSEWHERE = _of(
    *("c spine", "t spine", "l spine", "spine", "spinal", "hws", "bws", "lws", "wirbel*", "ruckenmark*", "myelon"),
    *("rachis", "moelle", "colonne", "columna", "medula", "colonna", "midollo", "rachide", "wervelkolom", "coluna"),
    *("orbit*", "hypophys*", "pituitar*", "hipofis*", "ipofis*", "sella", "sellar"),
)
_REFORMATTED = _of("mpr", "reformat*", "reform", "rekonstr*", "reconstr*", "ricostr*", "reconst", "mip", "minip")
_LOCALIZER = _of(
    *("scout", "localiz*", "localis*", "lokaliz*", "localizador", "survey", "topogram*", "ubersicht*", "reperage"),
    *("3 plane", "3pl loc*", "loc", "aahead scout", "aascout", "posizionamento", "localizzat*", "zoek*", "planung"),
)
_WITHOUT_CONTRAST = _of(
    *("ohne km", "ohne kontrast*", "o km", "nativ", "native", "pre", "pre gd", "precontrast"),
    *("sans inj*", "sans gado*"),
    *("sans contraste", "sin contraste", "sin gad*", "sin civ", "senza mdc", "senza contrasto", "zonder contrast"),
    *("zonder gd", "sem contraste", "without", "wo contrast", "w o", "non contrast", "noncontrast"),
    *("no gd", "no contrast"),
)
_WITH_CONTRAST = re.compile(
    _START
    + r"(?:gd|gad[a-z]*|post|postcontrast|km|ce|mdc|inj|inject[a-z]*|injection|civ|kontrast[a-z]*|contrast[a-z]*)"
    + _END
    + r"|\+ ?(?:c|gd|km|mdc|gado)"
    + _END
    + r"|"
    + _START
    + r"c ?\+"
)


def plain(name: str) -> str:
    """Return a name without accents, in lower case."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def says_flair(name: str) -> bool:
    """Whether a plain name says FLAIR, as the vendors call it."""
    return bool(_FLAIR.search(name))


def says_double_inversion(name: str) -> bool:
    """Whether a plain name says double inversion recovery."""
    return bool(_DOUBLE_INVERSION.search(name))


def says_angiography(name: str) -> bool:
    """Whether a plain name says that vessels are shown."""
    return bool(_ANGIOGRAPHY.search(name))


def says_diffusion(name: str) -> bool:
    """Whether a plain name says diffusion."""
    return bool(_DIFFUSION.search(name))


def says_susceptibility(name: str) -> bool:
    """Whether a plain name says susceptibility-weighted."""
    return bool(_SUSCEPTIBILITY.search(name))


def says_elsewhere(name: str) -> bool:
    """Whether a plain name says another region than the brain."""
    return bool(_ELSEWHERE.search(name))


def says_reformatted(name: str) -> bool:
    """Whether a plain name says that the stack was cut anew from another one."""
    return bool(_REFORMATTED.search(name))


def says_localizer(name: str) -> bool:
    """Whether a plain name says that it was made to plan others."""
    return bool(_LOCALIZER.search(name))


def says_contrast_agent(name: str) -> bool:
    """Whether a plain name says that contrast agent was given, and not that it was not."""
    return bool(_WITH_CONTRAST.search(_WITHOUT_CONTRAST.sub(" ", name)))
