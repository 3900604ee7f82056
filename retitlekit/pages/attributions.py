"""Where a story comes from: the line of a page that says so, as a typed thing; and which lines are only the site's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import urlsplit

from retitlekit.pages.markup import Block


@dataclass(frozen=True)
class Attribution:
    """Where a story comes from, as the page says; None is what it does not say.

    Attributes
    ----------
    source : str or None
        The host as it stands there ("www.reuters.com"), or a name.
    published : date, datetime or None
        A datetime without zone is one whose zone the page does not tell: see `zone`.
    url : str or None
    text : str
        The line itself.
    """

    source: str | None
    published: date | None
    url: str | None
    text: str = field(repr=False)

    @property
    def zone(self) -> str:
        """The offset, such as "UTC+02:00", or "unknown"."""
        named = self.published.tzname() if isinstance(self.published, datetime) else None
        return named or "unknown"


CREDIT = re.compile(
    r"\W{0,3}(?:(?:the )?original (?:story|article|post|source|report|text)|originally (?:published|appeared|posted)"
    r"|(?:article |news )?source|read (?:the )?(?:more|original|full)(?: story| article| post)?|via|quelle|fuente"
    r"|источник)\b ?(?:(?:at|on|by|from|in)\b|[:–—-])? ?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]++")
_HOST = re.compile(r"(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?![\w.-]*\w)", re.IGNORECASE)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?)?")
BOILERPLATE = re.compile(  # words that may begin a sentence of the story count only alone or before a colon
    r"(?:comments are closed|leave a (?:reply|comment)|cancel reply|posted (?:in|on|by) |filed under |sign up for our "
    r"|subscribe to our |your email address will not be|required fields are marked|all rights reserved|©|copyright ©"
    r"|skip to content|kommentare sind geschlossen|les commentaires sont fermés|los comentarios están cerrados)"
    r".{0,160}\Z"
    r"|(?:advertisement|sponsored|related(?: posts?| articles?)?|tags?|tagged|filed under|share this|like this"
    r"|loading|previous post|next post|comments|subscribe)(?: ?[:….].{0,160})?\Z",
    re.IGNORECASE,
)


def read_attribution(block: Block) -> Attribution | None:
    """What a line such as "Original Story at www.reuters.com – 2023-09-12 13:58:00" says."""
    credit = CREDIT.match(block.text) if len(block.text) <= 300 else None
    if not credit:
        return None
    rest = block.text[credit.end() :]
    address = _ADDRESS.search(rest)
    url = address[0].rstrip(".,;") if address else next((link for link in block.links if link.startswith("http")), None)
    host = _HOST.search(rest)
    when = _TIME.search(rest)
    source = (urlsplit(url).hostname if address and url else None) or (host[0] if host else None)
    if source is None and url:
        source = urlsplit(url).hostname
    if source is None and ":" in credit[0] and len(rest.split()) <= 8:
        source = rest.strip(" .–—-") or None
    if source is None:
        return None
    return Attribution(source, _moment(when) if when else None, url, block.text)


def _moment(match: re.Match[str]) -> date | None:
    day, clock, zone = match.groups()
    try:
        if not clock:
            return date.fromisoformat(day)
        moment = datetime.fromisoformat(f"{day}T{clock}")
        if not zone:
            return moment
        if zone in ("Z", "UTC", "GMT"):
            return moment.replace(tzinfo=UTC)
        sign = -1 if zone[0] == "-" else 1
        offset = sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        return moment.replace(tzinfo=timezone(offset))
    except ValueError:
        return None
