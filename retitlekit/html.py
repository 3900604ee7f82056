"""The one place where text that a model or an article wrote becomes HTML."""

from __future__ import annotations

import html

# Bidirectional overrides can make a title read as something else; a visible mark stands in for them, as for controls.
_INVISIBLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�")


def escape(text: object) -> str:
    """Text as inert HTML: markup escaped, control and direction-override characters shown as a replacement mark.

    Examples
    --------
    >>> escape('<img src=x onerror="alert(1)">')
    '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;'
    """
    return html.escape(str(text).translate(_INVISIBLE), quote=True)
