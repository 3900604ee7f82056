"""How wide a text is, in em of Arial, without a font: from the metrics of Helvetica, whose advance widths are the same.

The metrics are Adobe's, as matplotlib ships them. Kerning is left out.
"""

from __future__ import annotations

import unicodedata
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
