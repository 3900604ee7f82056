"""The one place where text that a model or an article wrote becomes HTML.

What is built here needs no script and no network. Its colours are those of the notebook's theme (JupyterLab, VS Code)
with a light fallback; markup alone, without the style sheet, still reads well.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

# Direction overrides make a title read as something else, controls move a terminal's cursor, and lone surrogates
# cannot be saved: a mark stands in for each.
_UNSEEN = (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = dict.fromkeys((*_UNSEEN, *range(0xD800, 0xE000)), "\ufffd")

_STYLE = """
.retitlekit { --rk-ink: var(--jp-ui-font-color1, var(--vscode-editor-foreground, #212121));
  --rk-dim: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #616161));
  --rk-page: var(--jp-layout-color0, var(--vscode-editor-background, #fff));
  --rk-tint: color-mix(in srgb, var(--rk-ink) 7%, transparent);
  --rk-shade: linear-gradient(var(--rk-tint), var(--rk-tint)) var(--rk-page);
  --rk-rule: var(--jp-border-color2, var(--vscode-panel-border, #dcdcdc));
  --rk-bad: color-mix(in srgb, var(--jp-error-color1, var(--vscode-errorForeground, #c62828)) 75%, var(--rk-ink));
  color: var(--rk-ink); background: var(--rk-page); line-height: 1.4;
  font-family: var(--jp-content-font-family, var(--vscode-font-family, system-ui, sans-serif));
  font-size: var(--jp-ui-font-size1, 13px); }
.retitlekit.retitlekit table { border-collapse: separate; border-spacing: 0; margin: 0; font-size: inherit;
  table-layout: auto; color: inherit; border: none; }
.retitlekit .rk-told { margin: 0 0 6px; color: var(--rk-dim); }
.retitlekit.retitlekit.retitlekit tr { background: var(--rk-page); }
.retitlekit.retitlekit.retitlekit :is(th, td) { text-align: start; vertical-align: top; padding: 6px 10px;
  border: 0 solid var(--rk-rule); border-bottom-width: 1px; overflow-wrap: anywhere; max-width: none; }
.retitlekit.retitlekit.retitlekit thead th { vertical-align: bottom; background: var(--rk-shade); font-weight: 600; }
.retitlekit.retitlekit.retitlekit .rk-figure { text-align: right; font-variant-numeric: tabular-nums; }
.retitlekit.retitlekit.retitlekit .rk-plain :is(th, td) { overflow-wrap: break-word; }
.retitlekit.retitlekit.retitlekit .rk-plain th { white-space: nowrap; }
.retitlekit small { font-size: .87em; font-weight: normal; color: var(--rk-dim); }
"""


def visible(text: object) -> str:
    """Text with a replacement mark for every control, direction override and lone surrogate; not yet HTML.

    Examples
    --------
    >>> visible(f"a{chr(27)}[31mb") == f"a{chr(0xFFFD)}[31mb"
    True
    """
    return str(text).translate(_INVISIBLE)


def escape(text: object) -> str:
    """Text as inert HTML: markup escaped, and what `visible` marks marked.

    Examples
    --------
    >>> escape('<img src=x onerror="alert(1)">')
    '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;'
    """
    return html.escape(visible(text), quote=True)


def card(markup: str, style: str = "") -> str:
    """Markup in a box of its own, with the theme's colours and a style sheet that touches nothing else on the page.

    Parameters
    ----------
    markup : str
        HTML whose text went through `escape`. Dollars in it are not taken for formulas.
    style : str
        More rules; each selector begins with a class of its own.

    Returns
    -------
    str

    Examples
    --------
    >>> card("<p>two articles</p>").endswith("<p>two articles</p></div>")
    True
    """
    return f'<div class="retitlekit tex2jax_ignore mathjax_ignore"><style>{_STYLE}{style}</style>{markup}</div>'


def table(
    rows: Iterable[Sequence[object]], *, columns: Sequence[str], caption: str = "", figures: Iterable[str] = ()
) -> str:
    """A table of plain text, as a `card`.

    Parameters
    ----------
    rows : iterable of sequences
        The cells of each row, as many as there are columns; ``str`` of each is shown, escaped.
    columns : sequence of str
        The heads.
    caption : str
        A line above the table.
    figures : iterable of str
        Heads of the columns that hold figures, and are flush right.

    Returns
    -------
    str

    Examples
    --------
    >>> "<td>a &lt;b&gt;</td>" in table([("a <b>", 12)], columns=["title", "n"], figures=["n"])
    True
    """
    flush = set(figures)
    marks = [' class="rk-figure"' if column in flush else "" for column in columns]
    heads = "".join(f'<th scope="col"{mark}>{escape(head)}</th>' for mark, head in zip(marks, columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    )
    above = f'<p class="rk-told">{escape(caption)}</p>' if caption else ""
    return card(f'{above}<table class="rk-plain"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>')
