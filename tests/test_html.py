"""Whatever a model or an article wrote becomes inert HTML."""

from __future__ import annotations

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.html import card, escape, table, visible

PAYLOADS = [
    "<script>alert(1)</script>",
    "</td></tr></table><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><svg/onload=alert(1)>",
    "</textarea><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    '<img src="x" onerror="alert(1)"',
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mi//xlink:href='javascript:alert(1)'>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=data:text/html,<script>alert(1)</script>>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>read</a>",
    "<form action=javascript:alert(1)><input type=submit>",
    "<details open ontoggle=alert(1)>",
    "<body onload=alert(1)>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{background:url(//evil.example)}</style>",
    "<template><script>alert(1)</script></template>",
    "<!--><script>alert(1)</script-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><script>alert(1)</script>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    '"><script>alert(1)</script>',
    "` onclick=alert(1) `",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "\x1b[2J\x1b]0;owned\x07 cleared",
    "\u202egnp.exe\u202c",
    "\ud800 lone surrogate <b>",
    "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "$x$ \\(\\frac{1}{0}\\) $$\\href{javascript:alert(1)}{x}$$",
    "＜script＞alert(1)＜/script＞",
    "ins</ins><del onclick=alert(1)>del",
]


class Page(HTMLParser):
    """What a browser would make of a piece of HTML: elements, attributes, and text outside the style sheets."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.stack: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.stack += [tag] if tag != "br" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces += [data] if "style" not in self.stack else []

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    unknown_decl = handle_pi = handle_decl

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def outside(self, allowed: dict[str, set[str]]) -> list[tuple[str, str]]:
        """Elements and attributes that are not on a list of tag -> attributes."""
        found = [(tag, "") for tag, _ in self.elements if tag not in allowed]
        return found + [
            (tag, name) for tag, names in self.elements for name in names if name not in allowed.get(tag, ())
        ]


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_escape_gives_back_the_visible_text(text: str) -> None:
    """Any text at all becomes HTML that shows the text, and that can be saved as UTF-8."""
    markup = escape(text)

    assert visible(text) == html.unescape(markup)
    assert not set("<>\"'") & set(markup)
    assert markup == markup.encode().decode()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_escaped_payload_is_text(payload: str) -> None:
    """No payload opens an element, in a text or in an attribute."""
    page = Page(f'<p title="{escape(payload)}">{escape(payload)}</p>')

    assert [("p", {"title": visible(payload)})] == page.elements
    assert visible(payload) == page.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\x00b\x1bc\x7fd\x9be", "a�b�c�d�e"),
        ("\u202eabc\u2066", "�abc�"),
        ("\udfff", "�"),
        ("é 日本 👩‍👩‍👧 עִבְרִית \u200f", "é 日本 👩‍👩‍👧 עִבְרִית \u200f"),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_visible(text: object, expected: str) -> None:
    """Controls, overrides and surrogates are marked; honest text of any script stays as it is."""
    assert expected == visible(text)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_table_of_payloads(payload: str) -> None:
    """A table of hostile cells, heads and caption holds the elements of a table and nothing else."""
    page = Page(table([(payload,)], columns=[payload], caption=payload, figures=[payload]))
    allowed = {name: {"class", "scope"} for name in ("div", "style", "p", "table", "thead", "tbody", "tr", "th", "td")}

    assert [] == page.outside(allowed)
    assert visible(payload) * 3 == page.text


def test_table() -> None:
    """A table has its heads, its rows, its caption, and figures flush right."""
    markup = table([("a", 1), ("b", 22)], columns=["name", "count"], caption="two rows", figures=["count"])
    page = Page(markup)

    assert "two rowsnamecounta1b22" == page.text
    assert 3 == markup.count('class="rk-figure"')
    assert "<caption" not in markup


def test_table_refuses_a_ragged_row() -> None:
    """A row with too few cells is a mistake of ours, and is not shown askew."""
    with pytest.raises(ValueError, match="zip"):
        table([("a",)], columns=["name", "count"])


def test_card_keeps_dollars_and_touches_nothing_outside() -> None:
    """MathJax leaves the card alone, and every rule of its style sheet begins with a class of ours."""
    markup = card("<p>$5 or $6</p>", ".rk-more { color: red; }")
    style = markup.partition("<style>")[2].partition("</style>")[0]
    selectors = [rule.partition("{")[0].strip() for rule in style.split("}") if rule.strip()]

    assert {"retitlekit", "tex2jax_ignore", "mathjax_ignore"} <= set(Page(markup).elements[0][1]["class"].split())
    assert [] == [selector for selector in selectors if not selector.startswith((".retitlekit", ".rk-"))]
    assert "url(" not in style
