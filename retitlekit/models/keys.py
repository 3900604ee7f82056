"""Keys: found by the name they stand under, by their look, or because the environment holds them; kept nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from retitlekit.errors import ModelError

_NAME = re.compile(
    r"(api|access|secret|private|account|auth|master|subscription|virtual)_?key|secret(?!ar)|passw|passphrase|credential"
    r"|authori[sz]ation|cookie|bearer|(^|_)auth($|_)|(?<!bos)(?<!eos)(?<!pad)(?<!unk)(?<!sep)(?<!cls)(?<!mask)(?<!stop)"
    r"(?<!image)(?<!start)(?<!end)(?<!ban)_token$|^token$"
)
_NAME_IN_QUERY = re.compile(r"^(key|code|sig|signature|pwd)$")
_NUMBER = re.compile(r"(passw|passphrase|secret(?!ar))[^.]*$")  # a password may be a number; token counts are ones too
_LOOKS = {
    "OpenAI, Anthropic, OpenRouter": r"\bsk[-_](?:[\w-]*[-_])?(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}",  # not sk-team-news-2026
    "Groq, Hugging Face, xAI": r"\b(?:gsk_|hf_|xai-)(?=\w*\d)\w{16,}",
    "Google": r"\bAIza[\w-]{20,}",
    "GitHub, GitLab": r"\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}",
    "Amazon": r"\b(?-i:AKIA|ASIA)(?-i:[A-Z0-9]{16})\b",
    "Slack": r"\bxox[abposr]-[\w-]{10,}",
    "JSON Web Token": r"\b(?-i:eyJ)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    "header": r"^(?:Bearer|Basic) +\S{8,}$",
}
_LOOK = re.compile("|".join(_LOOKS.values()), re.IGNORECASE)
REFERENCE = "os.environ/"  # as LiteLLM's config files name a variable
HELP = "put it into an environment variable, and write 'os.environ/NAME_OF_IT' in its place"


def redact(text: str, *variables: str | None) -> str:
    """Text without anything that is, or looks like, a key; `variables` hold keys under whatever name."""
    for secret in _secrets(*variables):
        text = text.replace(secret, "[key removed]")
    text = re.sub(r"\b(sk|pk|gsk|xai|hf|key)[-_][\w*-]{6,}|(?<=Bearer )\S+", "[key removed]", text)
    return _LOOK.sub("[key removed]", text)


def find_key(params: Mapping[str, object]) -> str | None:
    """Where parameters hold a key, at any depth: ``"extra_headers.Authorization"``; None when they hold none."""
    secrets: list[str] | None = None
    left: list[tuple[str, object]] = [(str(name), value) for name, value in params.items()]
    while left:
        place, value = left.pop()
        if _LOOK.search(place):
            return redact(place)
        if isinstance(value, Mapping):
            left += [(f"{place}.{name}", each) for name, each in value.items()]
        elif isinstance(value, list | tuple):
            left += [(f"{place}[{number}]", each) for number, each in enumerate(value)]
        elif isinstance(value, str) and value and not value.startswith(REFERENCE):
            name = _worded(place.rpartition(".")[2])
            secrets = _secrets() if secrets is None else secrets
            in_query = place.startswith("extra_query.") and _NAME_IN_QUERY.search(name)
            if in_query or _NAME.search(name) or _is_key(value, secrets) or _is_address_with_key(value):
                return redact(place)
        elif isinstance(value, int | float) and not isinstance(value, bool) and _NUMBER.search(_worded(place)):
            return redact(place)
    return None


def _is_address_with_key(text: str) -> bool:
    try:
        return text.startswith(("http://", "https://")) and in_address(text)
    except ValueError:
        return False


def _worded(name: str) -> str:
    """``accessToken`` and ``access-token`` as ``access_token``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_")


def in_address(address: str) -> bool:
    """Whether a URL holds a user, a password or a key. Raises ValueError when it is no URL."""
    parts, secrets = urlsplit(address), _secrets()
    asked = parse_qsl(parts.query, keep_blank_values=True)
    named = [_worded(name) for name, _ in asked]
    values = [value for _, value in asked] + [*parts.path.split("/"), parts.fragment]
    return (
        "@" in parts.netloc
        or any(_NAME.search(name) or _NAME_IN_QUERY.search(name) for name in named)
        or any(_is_key(value, secrets) for value in values)
    )


def resolve(value: object, place: str = "") -> object:
    """The value with each ``os.environ/NAME`` in it replaced by what stands in that variable."""
    if isinstance(value, Mapping):
        return {name: resolve(each, f"{place}.{name}".lstrip(".")) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(each, f"{place}[{number}]") for number, each in enumerate(value)]
    if not isinstance(value, str) or not value.startswith(REFERENCE):
        return value
    name = value.removeprefix(REFERENCE)
    if not os.environ.get(name):
        raise ModelError(f"{place}: the environment variable {name} is not set")
    _named.add(name)
    return os.environ[name]


_named: set[str] = set()  # variables that parameters referred to hold secrets too


def _is_key(text: str, secrets: Iterable[str]) -> bool:
    return bool(_LOOK.search(text)) or any(secret in text for secret in secrets)


def _secrets(*variables: str | None) -> list[str]:
    """What the environment keeps secret, longest first; what is shorter than eight characters is in every text."""
    held = {value for name, value in os.environ.items() if re.search(r"KEY|TOKEN|SECRET|PASSWORD", name)}
    held |= {os.environ.get(name, "") for name in (*variables, *_named) if name}
    return sorted((secret for secret in held if len(secret) >= 8), key=len, reverse=True)
