"""Texts that try to run a script in the page; each that gets through sets ``window.pwned``."""

from __future__ import annotations

from ..test_html import PAYLOADS

_EVENTS = ("img src=x onerror", "svg onload", "video src=x onerror", "audio src=x onerror", "details open ontoggle",
           "input autofocus onfocus", "select autofocus onfocus", "body onload", "iframe onload", "object data=x onerror",
           "style onload", "marquee onstart", "a style=animation-name:x onanimationstart", "div onmouseover", "b onclick",
           "script src=data:, onerror", "link rel=stylesheet href=x onerror", "image src=x onerror")  # fmt: skip
_WAYS = (
    "<{}=window.pwned=1>",
    "<{}='window.pwned=1'>text",
    '"/><{}="window.pwned=1"/>',
    "</div></p><{}=window.pwned=1 ",
)
_CODE = ["<script>window.pwned=1</script>", "<SCRIPT>window.pwned=1</SCRIPT>", "<script type=module>window.pwned=1</script>",
         "<svg><script>window.pwned=1</script></svg>", "${window.pwned=1}", "{{constructor.constructor('window.pwned=1')()}}",
         "[x](javascript:window.pwned=1)", "![x](x\"onerror=\"window.pwned=1)", "javascript:window.pwned=1",
         "$$\\href{javascript:window.pwned=1}{x}$$", "\u2028window.pwned=1\u2029", "\\u003cscript\\u003ewindow.pwned=1",
         "A\x00\x08\x7f\x9b null and control", "\u202dleft\u202e right\u2066 isolate", "x" * 100_000]  # fmt: skip

HOSTILE = list(
    dict.fromkeys(
        [each.replace("alert(1)", "window.pwned=1") for each in PAYLOADS if "\ud800" not in each]
        + [way.format(event) for event in _EVENTS for way in _WAYS]
        + _CODE
    )
)

FOREIGN = "script, img, svg, math, iframe, object, embed, video, audio, link, meta, base, style, form, body, marquee, image, a"
"""What none of them may have put into a view."""
