"""What secrets look like: the regular expressions of detect-secrets' plugins, and a few that a run on AWS needs beside them."""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlkit.screening.needles import Needles, windows
from mlkit.screening.placeholders import is_placeholder

# Entropy and addresses would take out digests, commits and IP addresses; keywords are mlkit.screening.keywords' matter.
LEFT_OUT = ("Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "KeywordDetector")

_REACH = 1200  # characters around a needle in which a rule looks
# Text that a rule's findings hold for certain: a fast search for it spares most texts the slow expressions. A plugin that is not
# named here is tried everywhere.
_NEEDLES = {
    "ArtifactoryDetector": ("AKC", *(f"AP{digit}" for digit in "0123456789ABCDEF")),
    "AWSKeyDetector": ("A3T", "ABIA", "ACCA", "AKIA", "ASIA", "aws"),
    "AzureStorageKeyDetector": ("AccountKey=",),
    "BasicAuthDetector": ("://",),
    "CloudantDetector": ("key", "pw", "pass", "token", "cloudant.com"),
    "GitHubTokenDetector": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "GitLabTokenDetector": (
        "glpat-",
        "gldt-",
        "glft-",
        "glsoat-",
        "glrt-",
        "GR1348941",
        "glcbt-",
        "glimt-",
        "glptt-",
        "glagent-",
        "gloas-",
    ),
    "IbmCloudIamDetector": ("key", "pwd", "pass", "token"),
    "IbmCosHmacDetector": ("secret",),
    "JwtTokenDetector": ("eyJ",),
    "MailchimpDetector": ("-us",),
    "NpmDetector": ("_authToken",),
    "OpenAIDetector": ("T3BlbkFJ",),
    "PrivateKeyDetector": ("PRIVATE KEY", "PuTTY-User-Key"),
    "PypiTokenDetector": ("pypi-AgE",),
    "SendGridDetector": ("SG.",),
    "SlackDetector": ("xox", "hooks.slack.com"),
    "SoftlayerDetector": ("key", "pwd", "pass", "token", "softlayer"),
    "SquareOAuthDetector": ("sq0csp-",),
    "StripeDetector": ("k_live_",),
    "TwilioKeyDetector": ("AC", "SK"),
}
_WHOLE = ("GitHubTokenDetector", "GitLabTokenDetector")  # their groups hold a prefix, not the secret
_ANCHORED = ("JwtTokenDetector",)
_NO_TOKEN = re.compile(r"[^\w=\-]")
_TOKEN_REST = re.compile(r"[A-Za-z0-9_+/=.\-]*[A-Za-z0-9_+/=\-]")  # rules of fixed length would leave the end of a longer token
_KEY_BLOCK = re.compile(  # to its end; of a block that was cut off, all lines that look like a key's, and what follows on the last
    r"[^\n]*?-----(?:.{0,20000}?-----END[^\n]{0,40}?-----|"
    r"(?:\s*[A-Z][A-Za-z\-]+: [^\n]*\n)*(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{16,})*(?:\s|\\[nr])*[A-Za-z0-9+/=]*)",
    re.DOTALL,
)
_PUTTY_BLOCK = re.compile(r".{0,20000}?Private-MAC: *[0-9a-f]+", re.DOTALL)


class Hit(NamedTuple):
    """`text[start:end]` is a secret, says the rule."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One expression; `is_secret` has the last word on what it matched."""

    name: str
    expression: re.Pattern[str]
    needles: tuple[str, ...] = ()
    before: int = _REACH
    after: int = _REACH
    anchored: bool = False  # the expression begins with the needle and eats whatever token follows
    group: int | None = None  # None: the longest group, or the whole match
    is_secret: Callable[[str, int, int], bool] = lambda text, start, end: True
    extend: Callable[[str, int], int] = lambda text, end: end

    @functools.cached_property
    def folds(self) -> bool:
        return bool(self.expression.flags & re.IGNORECASE)


def find(text: str, lowered: str) -> Iterator[Hit]:
    """What looks like a secret by itself. `lowered` is the text in lower case, of the same length."""
    exact, folded = _needles()
    in_text, in_lowered = exact.positions(text), folded.positions(lowered)
    for rule in _rules():
        places = in_lowered if rule.folds else in_text
        positions = [at for needle in rule.needles for at in places.get(needle, ())] if places else []
        if rule.needles and not positions:
            continue
        for match in _matches(rule, text, positions):
            low, high = _span(match, rule.group)
            if low < high and rule.is_secret(text, low, high):
                yield Hit(low, rule.extend(text, high), rule.name)


def _matches(rule: Rule, text: str, positions: list[int]) -> Iterator["re.Match[str]"]:
    if rule.anchored:
        last = -1
        for at in positions:
            # What begins inside of another token is part of it.
            if (last < 0 or _NO_TOKEN.search(text, last, at)) and (match := rule.expression.match(text, at, at + rule.after)):
                yield match
            last = at
        return
    for stretch in windows(positions, rule.before, rule.after, len(text)) if rule.needles else [(0, len(text))]:
        yield from rule.expression.finditer(text, *stretch)


def _span(match: "re.Match[str]", group: int | None) -> tuple[int, int]:
    """Where the secret is; without the delimiters that Artifactory's rules take along."""
    if group is None:
        group = max(range(1, match.re.groups + 1), key=lambda number: len(match[number] or ""), default=0)
    start, end = match.span(group)
    text = match.string
    while start < end and text[start] in ' \t\r\n=:"':
        start += 1
    while start < end and text[end - 1] in ' \t\r\n"':
        end -= 1
    return start, end


@functools.cache
def names() -> frozenset[str]:
    """The rules' names."""
    return frozenset(rule.name for rule in _rules())


@functools.cache
def _needles() -> tuple[Needles, Needles]:
    """Those of rules that tell capitals from small letters, and those of the others."""
    words = [[needle for rule in _rules() for needle in rule.needles if rule.folds is folds] for folds in (False, True)]
    return Needles(words[0]), Needles(words[1])


@functools.cache
def _rules() -> tuple[Rule, ...]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # 15 ms, and requests (0.1 s) if nobody has it yet

    known: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    plugins = [plugin for plugin in known if plugin.__name__ not in LEFT_OUT]
    return (*(rule for plugin in plugins for rule in _of_plugin(plugin)), *_own())


def _of_plugin(plugin: Any) -> Iterator[Rule]:
    name = plugin.__name__
    for expression in plugin.denylist:
        needles = _NEEDLES.get(name, ())
        if expression.flags & re.IGNORECASE:
            needles = tuple(needle.lower() for needle in needles)
        yield Rule(
            name=plugin.secret_type,
            expression=expression,
            needles=needles,
            before=_BEFORE.get(name, 60),
            after=_AFTER.get(name, _REACH),
            anchored=name in _ANCHORED,
            group=0 if name in _WHOLE else None,
            is_secret=_CHECKS.get(name, lambda text, start, end: True),
            extend=_EXTENSIONS.get(name, _rest_of_token),
        )


def _own() -> tuple[Rule, ...]:
    folded = re.IGNORECASE
    part = r"x-amz-(?:signature|security-token|credential)(?:%3d|=|['\"]?\s*[:,]\s*b?['\"]?)([a-z0-9%/+=_.~\-]{8,})"
    older = r"[?&;](?:Signature=([A-Za-z0-9%/+=_~\-]{16,})|sig=([A-Za-z0-9%/+=]{30,}))"
    scheme = r"authorization['\"]?\s*[:=,]\s*b?['\"]?((?:basic|bearer|token|digest|aws4-hmac-sha256)\s+[^'\"\n<>{}]{8,})"
    wide = r"://[^\s/:@'\"<>?#]{0,100}:([^\s/'\"<>]{1,200})@"  # detect-secrets' own stops at signs that passwords are full of
    key = re.compile(r"BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY")
    return (
        Rule(name="Presigned URL", expression=re.compile(part, folded), needles=("x-amz-",), is_secret=_has_digit),
        Rule(name="Presigned URL", expression=re.compile(older), needles=("Signature=", "sig="), is_secret=_has_digit),
        Rule(name="Authorization Header", expression=re.compile(scheme, folded), needles=("authorization",)),
        Rule(name="Private Key", expression=key, needles=("PRIVATE KEY",), extend=_key_block),
        Rule(name="GitHub Token", expression=re.compile(r"github_pat_\w{22,}"), needles=("github_pat_",)),
        Rule(name="Hugging Face Token", expression=re.compile(r"\bhf_[A-Za-z0-9]{30,}"), needles=("hf_",)),
        Rule(name="Basic Auth Credentials", expression=re.compile(wide), needles=("://",), is_secret=_no_placeholder),
    )


def _rest_of_token(text: str, end: int) -> int:
    rest = _TOKEN_REST.match(text, end)
    return rest.end() if rest else end


def _key_block(text: str, end: int) -> int:
    block = (_PUTTY_BLOCK if text.startswith("PuTTY", max(0, end - 21)) else _KEY_BLOCK).match(text, end)
    return block.end() if block else end


def _no_placeholder(text: str, start: int, end: int) -> bool:
    return not is_placeholder(text[start:end])


def _is_jwt(text: str, start: int, end: int) -> bool:
    from detect_secrets.plugins.jwt import JwtTokenDetector

    return bool(JwtTokenDetector.is_formally_valid(text[start:end]))


def _has_digit(text: str, start: int, end: int) -> bool:
    """APPENDIXES is a word, and `self.signature` an expression."""
    return any(sign.isdigit() for sign in text[start:end])


def _stands_alone(text: str, start: int, end: int) -> bool:
    """In an ARN, ten of the account's twelve digits and a name look like Telegram's token; so does `...-12345678:UUID`, a build's id."""
    return not _GOES_BEFORE.match(text[start - 1 : start]) and not _GOES_ON.match(text[end : end + 1])


_GOES_BEFORE, _GOES_ON = re.compile(r"[0-9_\-]"), re.compile(r"[A-Za-z0-9_\-]")


_BEFORE = {"OpenAIDetector": 300, "NpmDetector": 500}
_AFTER = {
    "JwtTokenDetector": 20_000,
    "IbmCloudIamDetector": 120,
    "IbmCosHmacDetector": 120,
    "SoftlayerDetector": 150,
    "CloudantDetector": 150,
}
_CHECKS: dict[str, Callable[[str, int, int], bool]] = {
    "ArtifactoryDetector": _has_digit,
    "BasicAuthDetector": _no_placeholder,
    "JwtTokenDetector": _is_jwt,
    "TelegramBotTokenDetector": _stands_alone,
}
_EXTENSIONS: dict[str, Callable[[str, int], int]] = {
    "BasicAuthDetector": lambda text, end: end,
    "PrivateKeyDetector": _key_block,
}
