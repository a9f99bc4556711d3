"""Rules that betterleaks does not have, or has for source code only: secrets in runs on AWS, in shells and in web requests.

A token's rule needs the prefix and as many characters as the shortest known token has, because formats grow.
"""

import base64
import binascii
import json
import re

from mlkit.screening.placeholders import is_placeholder
from mlkit.screening.rule import Rule
from mlkit.screening.secret_names import looks_random

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
_KEY_BLOCK = re.compile(  # up to its end; if the block is cut off, all lines that look like a key, and the rest of the last line
    r"[^\n]*?-----(?:.{0,20000}?-----END[^\n]{0,40}?-----|"
    r"(?:\s*[A-Z][A-Za-z\-]+: [^\n]*\n)*(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]{16,})*(?:\s|\\[nr])*[A-Za-z0-9+/=]*)",
    re.DOTALL,
)
_PUTTY_BLOCK = re.compile(r".{0,20000}?Private-MAC: *[0-9a-f]+", re.DOTALL)
_GITLAB = ["pat", "soat", "dt", "ft", "rt", "rtr", "cbt", "imt", "ptt", "agent", "oas", "ffct", "wt"]
_SHOPIFY = ["at", "ca", "pa", "ss", "tka"]
_USES = ["live", "test", "prod", "pat", "pt", "key", "api", "sk", "secret", "token", "auth", "v1", "v2"]
_DOPPLER = ["pt", "ct", "st", "sa", "scim", "audit"]


def _end(text: str, end: int) -> int:
    return end


def _key_block(text: str, end: int) -> int:
    block = (_PUTTY_BLOCK if text.startswith("PuTTY", max(0, end - 21)) else _KEY_BLOCK).match(text, end)
    return block.end() if block else end


def _no_placeholder(text: str, start: int, end: int) -> bool:
    return not is_placeholder(text[start:end])


def _no_word(text: str, start: int, end: int) -> bool:
    """Whether the value is not a plain word, which prose may have in the place of a command's password."""
    value = text[start:end]
    return not (value.isalpha() and value.islower()) and not is_placeholder(value)


def _has_digit(text: str, start: int, end: int) -> bool:
    """Whether the value has a digit. An expression such as `self.signature` has none."""
    return any(sign.isdigit() for sign in text[start:end])


def _is_jwt(text: str, start: int, end: int) -> bool:
    head, _, body = text[start:end].partition(".")
    return _is_json(head) and _is_json(body.partition(".")[0])


def _is_json(part: str) -> bool:
    try:
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return False
    return True


def is_login(value: str) -> bool:
    """Whether the value is `user:password` in base64, as Docker's `auth` is."""
    try:
        user, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return False
    return bool(user and colon and secret) and (user + secret).isprintable()


def _is_session(text: str, start: int, end: int) -> bool:
    """Whether one pair of a Cookie header has a long value with a digit. `theme=dark` has none."""
    values = [pair.partition("=")[2].strip() for pair in text[start:end].split(";")]
    return any(len(value) >= 12 and _has_digit(value, 0, len(value)) and not is_placeholder(value) for value in values)


def _token(name: str, needles: str, pattern: str) -> Rule:
    return Rule(name=name, pattern=f"{_START}({pattern})", needles=tuple(needles.split()), entropy=2.5)


_TOKENS = (
    _token("AWS Access Key", "a3t akia asia abia acca", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("Anthropic API Key", "sk-ant-", r"sk-ant-[\w\-]{24,}"),
    _token("OpenAI API Key", "sk-proj- sk-svcacct- sk-admin-", r"sk-(?:proj|svcacct|admin)-[\w\-]{40,}"),
    _token("Google OAuth Secret", "gocspx-", r"GOCSPX-[\w\-]{20,}"),
    _token("Google OAuth Token", "ya29.", r"ya29\.[\w\-]{20,}"),
    _token("Google Refresh Token", "1//0", r"1//0[\w\-]{40,}"),
    _token("GitHub Token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
    _token("GitLab Token", " ".join(f"gl{kind}-" for kind in _GITLAB), rf"gl(?:{'|'.join(_GITLAB)})-[\w\-]{{20,}}"),
    _token("Hugging Face Token", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _token("Vault Token", "hvs. hvb. hvr.", r"hv[sbr]\.[\w\-]{24,}"),
    _token("Slack Token", "xox xapp-", r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[\w\-]{20,}"),
    _token("Stripe Webhook Secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _token("Square Token", "sq0csp- sq0atp- sq0idp-", r"sq0(?:csp|atp|idp)-[\w\-]{22,}"),
    _token("Shopify Token", " ".join(f"shp{kind}_" for kind in _SHOPIFY), rf"shp(?:{'|'.join(_SHOPIFY)})_[A-Fa-f0-9]{{32}}"),
    _token("Doppler Token", " ".join(f"dp.{kind}." for kind in _DOPPLER), rf"dp\.(?:{'|'.join(_DOPPLER)})\.[\w\-.]{{40,}}"),
    _token("Notion Token", "secret_ ntn_", r"(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})(?![A-Za-z0-9])"),
    _token("PyPI Token", "pypi-age", r"pypi-AgE[\w\-]{50,}"),
    _token("SendGrid API Key", "sg.", r"SG\.[\w\-]{16,32}\.[\w\-]{16,64}"),
    _token("Mailchimp API Key", "-us", r"[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])"),
    _token("Telegram Bot Token", ":aa", r"\d{8,10}:AA[\w\-]{33}(?![\w\-])"),
    _token("age Secret Key", "age-secret-key-1", r"(?i:AGE-SECRET-KEY-1[0-9A-Z]{58})"),
    _token("Fly Token", "fo1_ flyv1", r"fo1_[\w\-]{40,}"),
    _token("Tailscale Key", "tskey-", r"tskey-[a-z]{2,12}-[\w\-]{20,}"),
    Rule(  # of services without a rule: `acme_live_...`
        name="API Token",
        pattern=rf"{_START}([A-Za-z]{{2,12}}(?:[_\-](?:{'|'.join(_USES)})){{1,3}}[_\-][A-Za-z0-9]{{20,}})(?![\w\-])",
        needles=tuple(f"{line}{use}{line}" for use in _USES for line in "_-"),
        before=60,
        entropy=3.5,
        is_secret=lambda text, start, end: looks_random(text[start:end]),
    ),
    Rule(name="Airtable Token", pattern=r"pat(?<![A-Za-z0-9]pat)[A-Za-z0-9]{14}\.[a-f0-9]{64}(?![A-Za-z0-9])", needles=()),
    Rule(name="Twilio API Key", pattern=r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![A-Za-z0-9])", needles=()),
    Rule(name="Discord Bot Token", pattern=r"(?<![\w.\-])[MNO][\w\-]{23,25}\.[\w\-]{6}\.[\w\-]{27,38}(?![\w\-])", needles=(), entropy=4),
    Rule(
        name="JSON Web Token",
        pattern=r"eyJ[\w\-=]+\.[\w\-=]+\.?[\w\-.+/=]*",
        needles=("eyj",),
        after=20_000,
        anchored=True,
        is_secret=_is_jwt,
    ),
)
_AMZ = r"(?i)x-amz-(?:signature|security-token|credential)(?:%3d|=|['\"]?\s*[:,]\s*b?['\"]?)([a-z0-9%/+=_.~\-]{8,})"
_OLDER = r"[?&;](?:Signature=([A-Za-z0-9%/+=_~\-]{16,})|sig=([A-Za-z0-9%/+=]{30,}))"
_SCHEME = r"(?i)authorization['\"]?\s*[:=,]\s*b?['\"]?((?:basic|bearer|token|digest|bot|apikey|aws4-hmac-sha256)\s+[^'\"\n<>{}]{8,})"
_COOKIE = r"(?i)(?<![\w\-])(?:set-)?cookie['\"]?\s{0,3}[:=,]\s{0,3}b?['\"]?(?=[\w\-.]{1,80}=)([^'\"\n<>\\]{12,4000})"
_URL = r"://[^\s/:@'\"<>?#]{0,100}:([^\s/'\"<>]{1,200})@"
_AWS = r"(?i)aws.{0,20}?(?:key|pwd|pw|password|pass|token).{0,20}?['\"]([0-9a-z/+]{40})['\"]"
_CURL = r"(?<![\w\-])curl\b[^\n]{0,500}?\s(?:-u|--user|--proxy-user|-U)[ =]?['\"]?[^\s:'\"]{0,200}:((?:(?!&(?:quot|#))[^\s'\"]){3,200})"
_SHELL = (
    r"(?<![\w\-])(?:sshpass\s+-p|redis-cli\b[^\n]{0,200}?\s-a|docker\s+login\b[^\n]{0,200}?\s-p|mysql\w*\b[^\n]{0,200}?\s-p)"
    r"[ =]?['\"]?([^\s'\"\-$][^\s'\"]{3,200})"
)
_SQL = r"(?i)identified\s+(?:with\s+\w+\s+)?by\s+(?:password\s+)?['\"]([^'\"\n]{4,200})['\"]"
_NETRC = r"(?i)(?<!\w)(?:machine\s+\S{1,200}|default)\s+login\s+\S{1,200}\s+(?:account\s+\S{1,200}\s+)?passw(?:or)?d\s+(\S{3,200})"
_NPMRC = r"(?<![A-Za-z0-9])_(?:authToken|auth|password)['\"]?\s*=\s*['\"]?([^\s'\"$]{8,2000})"
_DOCKER = r"['\"]auth\\?['\"]\s*:\s*\\?['\"]([A-Za-z0-9+/]{8,2000}={0,2})"
_CLOUDANT = r"(?i)cloudant\w{0,20}(?:key|pw|pass|token)\W{1,6}([0-9a-f]{64})(?![0-9a-f])"
_PLACES = (
    Rule(name="Presigned URL", pattern=_AMZ, needles=("x-amz-",), is_secret=_has_digit),
    Rule(name="Presigned URL", pattern=_OLDER, needles=("signature=", "sig="), is_secret=_has_digit),
    Rule(name="Authorization Header", pattern=_SCHEME, needles=("authorization",), is_secret=_no_placeholder),
    Rule(name="Cookie", pattern=_COOKIE, needles=("cookie",), after=5000, is_secret=_is_session, extend=_end),
    Rule(name="Private Key", pattern=r"BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY", needles=("private key",), extend=_key_block),
    Rule(name="Private Key", pattern=r"PuTTY-User-Key-File-2", needles=("putty-user-key",), extend=_key_block),
    Rule(name="Basic Auth Credentials", pattern=_URL, needles=("://",), is_secret=_no_placeholder, extend=_end),
    Rule(name="SQL Password", pattern=_SQL, needles=("identified",), before=5, is_secret=_no_placeholder, extend=_end),
    Rule(name="AWS Secret Key", pattern=_AWS, needles=("aws",), entropy=4),
    Rule(name="Azure Storage Key", pattern=r"(?i)AccountKey=[a-z0-9+/]{86}==", needles=("accountkey=",)),
    Rule(name="Command Line Password", pattern=_CURL, needles=("curl",), before=5, is_secret=_no_word, extend=_end),
    Rule(
        name="Command Line Password",
        pattern=_SHELL,
        needles=("sshpass", "redis-cli", "docker", "mysql"),
        before=5,
        is_secret=_no_word,
        extend=_end,
    ),
    Rule(name="netrc Password", pattern=_NETRC, needles=("machine", "default"), before=5, is_secret=_no_word, extend=_end),
    Rule(name="npm Credentials", pattern=_NPMRC, needles=("_auth", "_password"), is_secret=_no_placeholder),
    Rule(
        name="Docker Credentials",
        pattern=_DOCKER,
        needles=("auth",),
        after=2100,
        before=5,
        is_secret=lambda text, start, end: is_login(text[start:end]),
    ),
    Rule(name="Cloudant Credentials", pattern=_CLOUDANT, needles=("cloudant",)),
)
OWN = (*_TOKENS, *_PLACES)
