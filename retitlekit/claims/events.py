"""Grave events: deaths, arrests, resignations and the like that a title must not make up.

Invented news of this kind ("… dead at 81") is how sites that machines fill came to be known. An event is told when the
article has any word of its family, in any form. English only.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What a title says, and what an article may say for it; both are beginnings of words, "=" marks a whole word.
_FAMILIES = {
    "death": (
        """dead= die= dies= died= dying= death= deaths= deadly= kill= kills= killed= killing= killings= fatal=
        fatally= murder slain slays slaying assassinat suicide drown= drowns= drowned= executed= funeral obituary
        mourn""",
        """dead deadl die= dies= died= dying= death kill fatal murder slain slay assassinat suicide drown execut
        funeral obituar mourn bodies body= corpse manslaughter homicide perish lost victim casualt toll shot stab
        behead remains lives= life= late= passed burial buried grave memorial starv massacre genocide lethal loss
        widow euthan surviv exterminat poison bomb crash collaps""",
    ),
    "arrest": (
        """arrest jailed= jails= imprisoned= detained= handcuff""",
        """arrest jail prison imprison detain detention custody handcuff held= caught captur seiz sentenc behind
        charg apprehend remand bail incarcerat convict""",
    ),
    "resignation": (
        """resign steps-down= stepping-down= quits= sacked= fired= ousted= impeach""",
        """resign step stepp steps quit sack fire= fired= oust dismiss impeach leav left depart retire replac remov
        successor stand down relinquish exit toppl overthr""",
    ),
    "conviction": (
        """guilty= convicted= convicts= sentenced= acquitted= pleads=""",
        """guilt convict sentenc acquit plead plea= verdict jury trial court judge jail prison clear""",
    ),
    "bankruptcy": (
        """bankrupt bankruptcy= insolven collapses=""",
        """bankrupt insolven collaps liquidat administration chapter creditor debt receiver""",
    ),
    "attack": (
        """explosion= explodes= exploded= bombing= bombed= terrorist= massacre= hijack hostage= shooting= gunman=
        stabbed=""",
        """explo bomb terror massacre hijack hostage shoot shot gun stab blast attack detonat knife attack rocket
        missile militant grenade kidnap pirat sniper weapon kill fire""",
    ),
    "war": (
        """invades= invaded= invasion= coup=""",
        """invad invasion coup= war= occup troops attack army overthr milit putsch""",
    ),
    "divorce": (
        """divorce pregnant= engaged= weds= marries=""",
        """divorc separat pregnan engag wed marri wife husband baby""",
    ),
}


def untold_events(title: str, *texts: str) -> tuple[str, ...]:
    """Find the grave events of a title of which no text has a word.

    Parameters
    ----------
    title : str
    *texts : str
        The body, the original title.

    Returns
    -------
    tuple of str
        As the title has them.

    Examples
    --------
    >>> untold_events("Mayor dead after arrest", "The mayor was detained on Tuesday and released an hour later.")
    ('dead',)
    """
    found = []
    for claim in _CLAIMS.finditer(title.casefold().replace("steps down", "steps-down")):
        family = str(claim.lastgroup)
        if not any(family in _told(text) for text in texts):
            found.append(claim[0])
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1024)
def _told(text: str) -> frozenset[str]:
    """The families of which a text has a word."""
    lower = text.casefold()
    return frozenset(family for family, pattern in _SUPPORTS.items() if pattern.search(lower))


def _pattern(stems: str) -> str:
    return "|".join(stem.removesuffix("=") + (r"\b" if stem.endswith("=") else r"[\w-]*") for stem in stems.split())


_CLAIMS = re.compile("|".join(rf"(?P<{family}>\b(?:{_pattern(claims)}))" for family, (claims, _) in _FAMILIES.items()))
_SUPPORTS = {family: re.compile(rf"\b(?:{_pattern(words)})") for family, (_, words) in _FAMILIES.items()}
