"""How wide a text is, in em of Arial, without a font, and how much room a channel gives it.

The metrics are Adobe's of Helvetica, whose advance widths are the same, as matplotlib ships them. Kerning is left out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from retitlekit.errors import RetitlekitError

_OTHER_ADVANCE = 0.556  # Helvetica's digits and most of its small letters
# Adobe's names of the signs beyond ASCII that titles use and that are no accented letters.
_SIGNS = dict(
    part.split(":")
    for part in """
    quotesingle:' grave:` quoteright:’ quoteleft:‘ quotedblleft:“ quotedblright:” quotedblbase:„ quotesinglbase:‚
    endash:– emdash:— guillemotleft:« guillemotright:» guilsinglleft:‹ guilsinglright:› bullet:• ellipsis:… Euro:€
    sterling:£ yen:¥ cent:¢ germandbls:ß ae:æ AE:Æ oslash:ø Oslash:Ø oe:œ OE:Œ lslash:ł Lslash:Ł dotlessi:ı
    periodcentered:· degree:° exclamdown:¡ questiondown:¿ section:§ trademark:™ copyright:© registered:®
    """.split()
)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a channel shows, in any of three measures; `ground` says who says so."""

    em: float | None = None
    characters: int | None = None
    words: int | None = None
    ground: str = ""

    def problem(self, title: str) -> str | None:
        """By how much a title is too long, or None; words are not counted where a script parts none."""
        composed = unicodedata.normalize("NFC", title)
        for measure, most, size in (
            ("em", self.em, em_width(title) if self.em else 0.0),
            ("characters", self.characters, len(composed)),
            ("words", self.words, len(composed.split())),
        ):
            if most is not None and size > most:
                return f"{size:.4g} {measure}, {size - most:.3g} too many"
        return None


CHANNELS = {
    "google": Limit(em=29.6, ground="652 px at 22 px as measured, and the 592 px at 20 px of older advice"),
    "characters": Limit(characters=60, ground="search advice: 50 to 60 are safe, above 70 is almost surely cut"),
    "words": Limit(words=12, ground="the 95th percentile of Wikinews titles"),
    "page": Limit(characters=110, ground="newsrooms: 80 to 100 at the head of a page, and a tenth of grace"),
    "home": Limit(characters=75, ground="newsrooms: 70 to 75 on a home page"),
    "social": Limit(characters=70, ground="what cards on social networks show of a title"),
    "push": Limit(characters=50, ground="what lock screens show on one line of a notification's title"),
    "newsletter": Limit(characters=45, ground="what mail on a telephone shows of a subject"),
}
"""The channels whose limits are known; Google gives no number, and the others change: a limit is a preset, no law."""


def em_width(text: str) -> float:
    """Width in em of Arial.

    Signs that the metrics lack count as their base letter; else as 1 em where Unicode calls them wide (Chinese, emoji)
    and as 0.556 em elsewhere. Combining and invisible signs have no width.

    Examples
    --------
    >>> round(em_width("Kim Jong Un in Russia amid US warnings not to sell arms"), 2)
    25.56
    """
    return sum(map(_advances().__getitem__, text))


class _Advances(dict[str, float]):
    """Advance widths in em; works out what is missing once."""

    def __missing__(self, sign: str) -> float:
        base = unicodedata.normalize("NFD", sign)[0]
        if unicodedata.category(sign) in ("Cf", "Cc", "Mn", "Me"):
            advance = 0.0
        elif base != sign:
            advance = self[base]
        else:
            advance = 1.0 if unicodedata.east_asian_width(sign) in "WF" else _OTHER_ADVANCE
        self[sign] = advance
        return advance


@lru_cache(maxsize=1)
def _advances() -> _Advances:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts/pdfcorefonts/Helvetica.afm")
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as problem:
        raise RetitlekitError(f"widths need the font metrics of matplotlib, and {path} cannot be read") from problem
    advances = _Advances({"\u00a0": 0.278})
    for line in lines:
        if line.startswith("C "):  # C 65 ; WX 667 ; N A ; B …
            code, advance, name = (part.split()[1] for part in line.split(";")[:3])
            sign = _SIGNS.get(name) or (chr(int(code)) if 32 <= int(code) < 127 else "")
            advances[sign] = int(advance) / 1000
    return advances
