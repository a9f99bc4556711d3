"""Secrets as notebooks show them: by form, by context and by encoding. Each is made here from its format, none stands in the repository."""

import base64
import codecs
import gzip
import html
import json
import random
import string
import textwrap
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

LETTERS = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
KNOWN = "a planted value"


class Planted(NamedTuple):
    """One row: the notebook, what must not be left of it, and which values were known before."""

    name: str
    notebook: NotebookNode
    gone: tuple[str, ...]
    known: dict[str, str]


def draw(seed: str, length: int, alphabet: str = LETTERS) -> str:
    chance = random.Random(f"planted {seed}")
    return "".join(chance.choice(alphabet) for _ in range(length))


def _b64(seed: str, size: int) -> str:
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


# By form: what the services document of their tokens. Prefixes are put together, so that no line looks like a token.
FORMS: dict[str, Callable[[str], str]] = {
    "Anthropic": lambda s: "sk-ant" + f"-api03-{draw(s, 93, LETTERS + '-_')}AA",
    "Anthropic admin": lambda s: "sk-ant" + f"-admin01-{draw(s, 93, LETTERS + '-_')}AA",
    "Anthropic OAuth": lambda s: "sk-ant" + f"-oat01-{draw(s, 80)}AA",
    "Google API": lambda s: "AI" + "za" + "Sy" + draw(s, 33),
    "Google client secret": lambda s: "GOC" + f"SPX-{draw(s, 28)}",
    "Google access": lambda s: "ya" + f"29.a0{draw(s, 120)}",
    "Google refresh": lambda s: "1/" + f"/0g{draw(s, 60)}",
    "npm": lambda s: "np" + f"m_{draw(s, 36)}",
    "Stripe test": lambda s: "sk_" + f"test_{draw(s, 24)}",
    "Stripe restricted test": lambda s: "rk_" + f"test_{draw(s, 24)}",
    "Stripe live": lambda s: "sk_" + f"live_51{draw(s, 97)}",
    "Stripe webhook": lambda s: "whs" + f"ec_{draw(s, 32)}",
    "Databricks": lambda s: "da" + f"pi{draw(s, 32, HEX)}",
    "Databricks Azure": lambda s: "da" + f"pi{draw(s, 32, HEX)}-3",
    "Vault": lambda s: "hv" + f"s.{draw(s, 24)}",
    "Vault long": lambda s: "hv" + f"s.CAESI{draw(s, 90)}",
    "Vault batch": lambda s: "hv" + f"b.{draw(s, 150)}",
    "Azure AD secret": lambda s: f"{draw(s, 3)}8" + f"Q~{draw(s, 34)}",
    "Azure storage": lambda s: "DefaultEndpointsProtocol=https;AccountName=x;Account" + f"Key={_b64(s, 64)}",
    "Azure SAS": lambda s: f"https://x.blob.core.windows.net/c/k?sv=2024-01-01&sig={draw(s, 43)}%3D",
    "Azure service bus": lambda s: "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccess" + f"Key={_b64(s, 32)}",
    "Slack app": lambda s: "xa" + f"pp-1-A{draw(s, 10, UPPER)}-{draw(s, 13, string.digits)}-{draw(s, 64, HEX)}",
    "Slack bot": lambda s: "xo" + f"xb-{draw(s, 12, string.digits)}-{draw(s + 'b', 13, string.digits)}-{draw(s, 24)}",
    "Slack user": lambda s: "xo" + f"xp-{draw(s, 12, string.digits)}-{draw(s + 'b', 12, string.digits)}-{draw(s, 32, HEX)}",
    "Slack config": lambda s: "xoxe.xo" + f"xp-1-{draw(s, 163)}",
    "Slack webhook": lambda s: "https://hooks.slack" + f".com/services/T{draw(s, 10, UPPER)}/B{draw(s + 'b', 10, UPPER)}/{draw(s, 24)}",
    "GitLab pat": lambda s: "gl" + f"pat-{draw(s, 20)}",
    "GitLab dt": lambda s: "gl" + f"dt-{draw(s, 20)}",
    "GitLab ft": lambda s: "gl" + f"ft-{draw(s, 20)}",
    "GitLab rt": lambda s: "gl" + f"rt-{draw(s, 20)}",
    "GitLab rtr": lambda s: "gl" + f"rtr-{draw(s, 20)}",
    "GitLab soat": lambda s: "gl" + f"soat-{draw(s, 20)}",
    "GitLab ffct": lambda s: "gl" + f"ffct-{draw(s, 20)}",
    "GitLab trigger": lambda s: "gl" + f"ptt-{draw(s, 40, HEX)}",
    "GitLab job": lambda s: "gl" + f"cbt-64_{draw(s, 20)}",
    "GitLab mail": lambda s: "gl" + f"imt-{draw(s, 25)}",
    "GitLab agent": lambda s: "gl" + f"agent-{draw(s, 50)}",
    "GitLab OAuth": lambda s: "gl" + f"oas-{draw(s, 64)}",
    "GitLab routable": lambda s: "gl" + f"pat-{draw(s, 36)}.01.{draw(s + 'b', 9, LOWER)}",
    "GitLab runner": lambda s: "GR13" + f"48941{draw(s, 20)}",
    "DigitalOcean": lambda s: "do" + f"p_v1_{draw(s, 64, HEX)}",
    "DigitalOcean OAuth": lambda s: "do" + f"o_v1_{draw(s, 64, HEX)}",
    "DigitalOcean refresh": lambda s: "do" + f"r_v1_{draw(s, 64, HEX)}",
    "Shopify": lambda s: "shp" + f"at_{draw(s, 32, HEX)}",
    "Shopify shared": lambda s: "shp" + f"ss_{draw(s, 32, HEX)}",
    "Grafana": lambda s: "gl" + f"sa_{draw(s, 32)}_{draw(s + 'b', 8, HEX)}",
    "Grafana cloud": lambda s: "gl" + f"c_eyJ{draw(s, 100)}",
    "New Relic": lambda s: "NRA" + f"K-{draw(s, 27, UPPER)}",
    "New Relic insert": lambda s: "NRI" + f"I-{draw(s, 32)}",
    "Mailgun": lambda s: "ke" + f"y-{draw(s, 32, HEX)}",
    "Groq": lambda s: "gs" + f"k_{draw(s, 52)}",
    "Replicate": lambda s: "r" + f"8_{draw(s, 37)}",
    "Notion": lambda s: "nt" + f"n_{draw(s + 'd', 11, string.digits)}{draw(s, 35)}",
    "Notion older": lambda s: "secre" + f"t_{draw(s, 43)}",
    "Linear": lambda s: "lin_a" + f"pi_{draw(s, 40)}",
    "Doppler": lambda s: "dp" + f".pt.{draw(s, 43)}",
    "Doppler service": lambda s: "dp" + f".st.prd.{draw(s, 43)}",
    "age": lambda s: "AGE-SECRET" + f"-KEY-1{draw(s, 58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L')}",
    "GitHub": lambda s: "gh" + f"p_{draw(s, 36)}",
    "GitHub server": lambda s: "gh" + f"s_{draw(s, 36)}",
    "GitHub fine-grained": lambda s: "github" + f"_pat_{draw(s, 22)}_{draw(s + 'b', 59)}",
    "AWS key id": lambda s: "AK" + f"IA{draw(s, 16, string.ascii_uppercase + '234567')}",
    "AWS temporary key id": lambda s: "AS" + f"IA{draw(s, 16, string.ascii_uppercase + '234567')}",
    "OpenAI": lambda s: f"sk-{draw(s, 20)}" + "T3Blbk" + f"FJ{draw(s + 'b', 20)}",
    "OpenAI project": lambda s: f"sk-proj-{draw(s, 74)}" + "T3Blbk" + f"FJ{draw(s + 'b', 74)}",
    "Hugging Face": lambda s: "h" + f"f_{draw(s, 34)}",
    "PyPI": lambda s: "pypi-" + f"AgEIcHlwaS5vcmc{draw(s, 120)}",
    "SendGrid": lambda s: "S" + f"G.{draw(s, 22)}.{draw(s + 'b', 43)}",
    "Twilio": lambda s: "S" + f"K{draw(s, 32, HEX)}",
    "Telegram": lambda s: f"{draw(s, 10, '123456789')}:" + f"AA{draw(s, 33)}",
    "Docker": lambda s: "dckr_" + f"pat_{draw(s, 27)}",
    "Postman": lambda s: "PMA" + f"K-{draw(s, 24, HEX)}-{draw(s + 'b', 34, HEX)}",
    "Terraform": lambda s: f"{draw(s, 14)}.atlas" + f"v1.{draw(s + 'b', 67)}",
    "Pulumi": lambda s: "pu" + f"l-{draw(s, 40, HEX)}",
    "RubyGems": lambda s: "rubyg" + f"ems_{draw(s, 48, HEX)}",
    "Fly": lambda s: "fo1" + f"_{draw(s, 43)}",
    "Sentry": lambda s: "sntr" + f"yu_{draw(s, 64, HEX)}",
    "PlanetScale": lambda s: "pscale_" + f"tkn_{draw(s, 43)}",
    "Airtable": lambda s: f"pat{draw(s, 14)}.{draw(s + 'b', 64, HEX)}",
    "Perplexity": lambda s: "pp" + f"lx-{draw(s, 48)}",
    "xAI": lambda s: "xa" + f"i-{draw(s, 80)}",
    "LangSmith": lambda s: "lsv2" + f"_pt_{draw(s, 32, HEX)}_{draw(s + 'b', 10, HEX)}",
    "Tailscale": lambda s: "tskey-" + f"auth-{draw(s, 16)}CNTRL-{draw(s + 'b', 32)}",
    "private key": lambda s: (
        f"{'-' * 5}BEGIN PRIVATE " + f"KEY{'-' * 5}\n{_b64(s, 48)}\n{_b64(s + 'b', 48)}\n{'-' * 5}END PRIVATE KEY{'-' * 5}"
    ),
}


def notebook(*outputs: NotebookNode, source: str = "show()", metadata: dict[str, Any] | None = None) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(source, outputs=list(outputs))], metadata=metadata or {})


def printed(text: str) -> NotebookNode:
    return notebook(new_output("stream", text=text))


def shown(**data: Any) -> NotebookNode:
    return notebook(new_output("display_data", data={mime.replace("_", "/", 1): value for mime, value in data.items()}))


PLACES: dict[str, Callable[[str], NotebookNode]] = {
    "in a sentence": lambda text: printed(f"The key is {text}, I think.\n"),
    "in a repr": lambda text: shown(text_plain=repr({"a": [text], "b": (1, text)})),
    "in HTML": lambda text: shown(text_html=f"<table><tr><td>1</td><td>{html.escape(text)}</td></tr></table>"),
    "in a traceback": lambda text: notebook(
        new_output("error", ename="E", evalue=f"bad ({text})", traceback=[f"\x1b[0;31mE\x1b[0m: bad (\x1b[1m{text}\x1b[0m)"])
    ),
    "in markdown": lambda text: new_notebook(cells=[new_markdown_cell(f"Use `{text}`.")]),
}

# By context: passwords that say nothing by themselves.
CONTEXTS: dict[str, Callable[[str], NotebookNode]] = {
    "DataFrame, text": lambda v: shown(text_plain=f"  user        password\n0  ann  {v}\n1  bob        x"),
    "DataFrame, text, one column": lambda v: shown(text_plain=f"{'api_key'.rjust(len(v) + 3)}\n0  {v}"),
    "DataFrame, text, between others": lambda v: shown(
        text_plain=f"  user {'secret'.rjust(len(v) + 1)}  age\n0  ann  {v}   12\n\n[1 rows x 3 columns]"
    ),
    "DataFrame, HTML": lambda v: shown(
        text_html=f"<table><thead><tr><th></th><th>user</th><th>password</th></tr></thead><tbody>\n<tr><th>0</th>\n<td>ann</td>\n<td>{v}</td></tr></tbody></table>"
    ),
    "table of two columns, HTML": lambda v: shown(
        text_html=f"<table><tr><th>user</th><td>ann</td></tr><tr><th>db password</th><td>{v}</td></tr></table>"
    ),
    "Series, text": lambda v: shown(text_plain=f"user              ann\npassword    {v}9\nName: 0, dtype: object"),
    "markdown table": lambda v: new_notebook(cells=[new_markdown_cell(f"| user | password |\n|---|---|\n| ann | {v} |\n")]),
    "markdown table, output": lambda v: shown(text_markdown=f"| user | Password |\n|:---|---:|\n| ann | {v} |\n"),
    "psql": lambda v: printed(f" user | password \n------+----------\n ann  | {v}\n(1 row)\n"),
    "polars": lambda v: printed(
        f"┌──────┬─────────────┐\n│ user ┆ password    │\n╞══════╪═════════════╡\n│ ann  ┆ {v} │\n└──────┴─────────────┘\n"
    ),
    "CSV": lambda v: printed(f"user,password,host\nann,{v},db\n"),
    "TSV": lambda v: printed(f"user\tpassword\nann\t{v}\n"),
    "to_dict": lambda v: shown(text_plain=repr({"user": {0: "ann"}, "password": {0: v}})),
    "to_dict, lists": lambda v: shown(text_plain=repr({"user": ["ann", "bob"], "password": ["x", v]})),
    "DataFrame in source": lambda v: notebook(source=f'pd.DataFrame({{"user": ["ann"], "password": ["{v}"]}})'),
    "records in JSON": lambda v: shown(application_json={"data": [{"user": "ann", "password": v}]}),
    "split in JSON": lambda v: shown(application_json={"columns": ["user", "password"], "data": [["ann", v]]}),
    "columns in JSON": lambda v: shown(application_json={"password": {"0": v}}),
    "netrc": lambda v: printed(f"machine example.com\n  login ann\n  password {v}\n"),
    "netrc, one line": lambda v: printed(f"machine example.com login ann password {v}\n"),
    "docker config": lambda v: printed(
        json.dumps({"auths": {"r.example.com": {"auth": base64.b64encode(f"ann:{v}".encode()).decode()}}}, indent=1)
    ),
    "docker config, JSON": lambda v: shown(application_json={"auths": {"r": {"auth": base64.b64encode(f"ann:{v}".encode()).decode()}}}),
    "curl": lambda v: notebook(source=f"!curl -s -u ann:{v} https://example.com/x"),
    "curl, quoted": lambda v: printed(f"$ curl --user 'ann:{v}' https://example.com\n"),
    "curl in markdown": lambda v: new_notebook(cells=[new_markdown_cell(f"    curl -u ann:{v} https://example.com")]),
    "XML": lambda v: printed(f"<server><username>ann</username><password>{v}</password></server>\n"),
    "XML, attributes": lambda v: printed(f'<add key="db_password" value="{v}"/>\n'),
    "plist": lambda v: printed(f"<key>Password</key>\n<string>{v}</string>\n"),
    "XML, as HTML": lambda v: shown(text_html=f"<pre>&lt;password&gt;{v}&lt;/password&gt;</pre>"),
    "cookie": lambda v: printed(f"> Cookie: theme=dark; session={v}7f3a9b2c\n"),
    "set-cookie": lambda v: printed(f"Set-Cookie: sid={v}7f3a9b2c; Path=/; HttpOnly\n"),
    "cookie in headers": lambda v: shown(text_plain=repr({"Accept": "*/*", "Cookie": f"sid={v}7f3a9b2c"})),
    "widget state": lambda v: notebook(
        metadata={
            "widgets": {
                "application/vnd.jupyter.widget-state+json": {
                    "state": {"a1": {"model_name": "PasswordModel", "state": {"_model_name": "PasswordModel", "value": v}}}
                }
            }
        }
    ),
    "widget with a description": lambda v: notebook(
        metadata={
            "widgets": {
                "application/vnd.jupyter.widget-state+json": {
                    "state": {"a1": {"model_name": "TextModel", "state": {"description": "Password:", "value": v}}}
                }
            }
        }
    ),
    ".env": lambda v: printed(f"USER=ann\nDB_PASSWORD={v}9\n"),
    ".npmrc": lambda v: printed(f"//registry.example.com/:_authToken={v}-4f\n"),
    "YAML": lambda v: printed(f"db:\n  user: ann\n  password: '{v}'\n"),
    "TOML": lambda v: printed(f'[db]\npassword = "{v}"\n'),
    "connection string": lambda v: printed(f"Server=db;User Id=ann;Password={v}9;Encrypt=yes\n"),
    "URL": lambda v: printed(f"postgresql://ann:{v}@db.example.com/x\n"),
    "sshpass": lambda v: notebook(source=f"!sshpass -p {v} ssh ann@example.com"),
    "docker login": lambda v: printed(f"docker login -u ann -p {v} r.example.com\n"),
    "mysql": lambda v: printed(f"mysql -u root -p{v} db\n"),
    "redis-cli": lambda v: printed(f"redis-cli -h db -a {v} ping\n"),
    "basic header": lambda v: printed(f"Authorization: Basic {base64.b64encode(f'ann:{v}'.encode()).decode()}\n"),
    "comparison": lambda v: notebook(source=f'if "{v}" == password: pass'),
    "call": lambda v: notebook(source=f'connect(user="ann", password="{v}")'),
    "environ": lambda v: notebook(source=f'os.environ["DB_PASSWORD"] = "{v}"'),
    "dataclass repr": lambda v: shown(text_plain=f"Config(user='ann', password='{v}', port=1)"),
    "JSON in a string": lambda v: shown(text_plain=repr(json.dumps({"password": v}))),
    "rich table": lambda v: printed(
        f"┏━━━━━━┳━━━━━━━━━━━━┓\n┃ user ┃ password   ┃\n┡━━━━━━╇━━━━━━━━━━━━┩\n│ ann  │ {v} │\n└──────┴────────────┘\n"
    ),
    "JDBC": lambda v: printed(f"jdbc:postgresql://db/x?user=ann&password={v}\n"),
    "ODBC": lambda v: printed(f"DRIVER=x;UID=ann;PWD={v};\n"),
    "SQL": lambda v: printed(f"CREATE USER ann WITH PASSWORD '{v}';\n"),
    "SQL, identified by": lambda v: printed(f"CREATE USER ann IDENTIFIED BY '{v}';\n"),
    "prose": lambda v: printed(f"The password is {v}.\n"),
    "YAML without quotes": lambda v: printed(f"db:\n  password: {v}\n"),
    "bold in markdown": lambda v: new_notebook(cells=[new_markdown_cell(f"**Password:** {v}")]),
    "error": lambda v: printed(f"OperationalError: no login for ann with password '{v}'\n"),
    "form": lambda v: shown(text_html=f'<input type="password" value="{v}">'),
    "styled table": lambda v: shown(
        text_html=f'<table id="T"><tr><th> </th><th id="T_0">password</th></tr><tr><th>0</th><td id="T">{v}</td></tr></table>'
    ),
    "Kubernetes": lambda v: printed(f"data:\n  password: {base64.b64encode(v.encode()).decode()}\n"),
    "Namespace": lambda v: shown(text_plain=f"Namespace(user='ann', password='{v}')"),
    "environ, printed": lambda v: shown(text_plain=f"environ({{'A': 'b', 'DB_PASSWORD': '{v}'}})"),
    # Not found yet: a pair in a tuple looks like two columns' names, and LaTeX and plotly have tables of their own.
    "tuple": lambda v: shown(text_plain=repr([("password", v)])),
    "LaTeX": lambda v: printed(f"user & password \\\\\n\\hline\nann & {v} \\\\\n"),
    "plotly table": lambda v: shown(
        **{"application_vnd.plotly.v1+json": {"data": [{"header": {"values": ["user", "password"]}, "cells": {"values": [["ann"], [v]]}}]}}
    ),
    "tabulate": lambda v: printed(f"user    password\n------  ----------\nann     {v}\n"),
}


ENCODINGS: dict[str, Callable[[str], str]] = {
    "hex": lambda v: v.encode().hex(),
    "hex, upper": lambda v: v.encode().hex().upper(),
    "hex with colons": lambda v: v.encode().hex(":"),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64, twice": lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
    "base64 of UTF-16": lambda v: base64.b64encode(v.encode("utf-16-le")).decode(),
    "gzip": lambda v: base64.b64encode(gzip.compress(f"token: {v}\n".encode(), mtime=0)).decode(),
    "gzip, hex": lambda v: gzip.compress(v.encode(), mtime=0).hex(),
    "zlib": lambda v: base64.b64encode(zlib.compress(f"x {v}".encode())).decode(),
    "zlib, best": lambda v: base64.urlsafe_b64encode(zlib.compress(v.encode(), 9)).decode(),
    "base32": lambda v: base64.b32encode(v.encode()).decode(),
    "base32, lower": lambda v: base64.b32encode(f"a {v}".encode()).decode().lower().rstrip("="),
    "bytes": lambda v: repr(list(v.encode())),
    "escapes": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()),
    "URL": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "list of characters": lambda v: repr(list(v)),
    "spaced": " ".join,
    "column": "\n".join,
    "zero width": "\u200b".join,
    "\\u escapes": lambda v: "".join(f"\\u{ord(sign):04x}" for sign in v),
    # Not found yet: nothing tells rot13 from another token, and the repr of packed bytes is no encoding of its own.
    "rot13": lambda v: codecs.encode(v, "rot13"),
    "gzip, repr": lambda v: repr(gzip.compress(v.encode(), mtime=0)),
}
DISGUISES: dict[str, Callable[[str], str]] = {
    **ENCODINGS,
    "reversed": lambda v: v[::-1],
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "wrapped": lambda v: "\n".join(textwrap.wrap(v, 10)),
    "wrapped and indented": lambda v: "\n".join(textwrap.wrap(v, 10, subsequent_indent="    ")),
    "wrapped in quotes": lambda v: "(" + "\n ".join(repr(part) for part in textwrap.wrap(v, 10)) + ")",
    "wrapped as comments": lambda v: "\n".join(f"# {part}" for part in textwrap.wrap(v, 10)),
    "base85": lambda v: base64.b85encode(v.encode()).decode(),
    "quoted": lambda v: quote(v + "/%", safe=""),
    "as JSON": lambda v: json.dumps(json.dumps(v)),
}
_ENCODED_FORMS = ("GitHub", "Anthropic", "AWS key id", "Slack bot")


def rows() -> Iterator[Planted]:
    for form, make in FORMS.items():
        yield Planted(f"{form}, printed", printed(f"{make(form)}\n"), (_core(make(form)),), {})
        places = list(PLACES)
        for place in (places[len(form) % 5], places[(len(form) + 2) % 5], places[(len(form) + 3) % 5]):
            secret = make(form + place)
            yield Planted(f"{form}, {place}", PLACES[place](secret), (_core(secret),), {})
    for context, build in CONTEXTS.items():
        for value in ("blue.horse7", draw(context, 16)):
            encoded = [base64.b64encode(f"{user}{value}".encode()).decode() for user in ("ann:", "")]
            yield Planted(f"{context}, {'word' if '.' in value else 'random'}", build(value), (value, *encoded), {})
    for encoding, encode in ENCODINGS.items():
        for form in _ENCODED_FORMS:
            secret = FORMS[form](encoding)
            yield Planted(f"{form} as {encoding}", printed(f"data: {encode(secret)}\n"), (secret, encode(secret)), {})
    for disguise, encode in DISGUISES.items():
        for number, value in enumerate((draw(disguise, 24), "blue-Horse.battery.9")):
            yield Planted(f"known {number}, {disguise}", printed(f"value {encode(value)}\n"), (value, encode(value)), {KNOWN: value})
    long = draw("long", 80)
    yield Planted("known, cut off by pandas", printed(f"0  {long[:47]}...\n"), (long[:47],), {KNOWN: long})


def is_left(row: Planted, notebook: Any) -> bool:
    """Whether the notebook holds a part of the row's secret, as it is or as JSON writes it."""
    words = "\0".join(_words(notebook))
    return any(part in words or json.dumps(part)[1:-1] in words for part in row.gone)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from (key, *_words(member))
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)


def _core(secret: str) -> str:
    """The part of a token that must not be left, as notebooks write it."""
    return secret.splitlines()[1] if "\n" in secret else secret[-20:]
