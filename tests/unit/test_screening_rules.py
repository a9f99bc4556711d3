"""Each rule of the scanner, by a secret of its kind in a text. Every planted value is made here, at run time."""

import base64
import hashlib
import json

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.keyword import KeywordDetector

from mlkit.screening import Screener
from mlkit.screening.rules import LEFT_OUT, Hit, find


def invented(length, seed="a", *, alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"):
    digest = b"".join(hashlib.sha512(f"{seed}{number}".encode()).digest() for number in range(-(-length // 64)))
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def hexadecimal(length, seed="a"):
    return invented(length, seed, alphabet="0123456789abcdef")


def lower(length, seed="a"):
    return invented(length, seed, alphabet="abcdefghijklmnopqrstuvwxyz0123456789")


def jwt(size=40):
    def part(content):
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'ann', 'x': 'y' * size})}.{invented(43)}"


UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
DASHES = "-" * 5
KEY_BODY = "\n".join(invented(64, str(number)) for number in range(12))
KEY = f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{KEY_BODY}\n{DASHES}END RSA PRIVATE KEY{DASHES}"
SIGNED = f"https://b.s3.amazonaws.com/k?X-Amz-Date=20260101T000000Z&X-Amz-Signature={hexadecimal(64)}&X-Amz-Expires=60"

# By plugin: the texts around a secret, and the secret.
SECRETS = {
    "ArtifactoryDetector": [("token={}\n", "AK" + "C" + invented(20)), ('"{}"', "AP" + "5" + invented(30))],
    "AWSKeyDetector": [
        ("id {} end", "AK" + "IA" + invented(16, alphabet=UPPER)),
        ("{}", "AS" + "IA" + invented(16, alphabet=UPPER)),
        ("aws_secret_key = '{}'", invented(39) + "/"),
    ],
    "AzureStorageKeyDetector": [("x;{};y", f"AccountKey={invented(86)}==")],
    "BasicAuthDetector": [("https://ann:{}@example.com/x", "blue-horse9"), ("postgresql://ann:{}@db:5432/x", "p!b(lue;h0rse")],
    "CloudantDetector": [("cloudant_key = '{}'", hexadecimal(64)), ("https://ann:{}@ann.cloudant.com", hexadecimal(64))],
    "DiscordBotTokenDetector": [("bot {} x", f"M{invented(23)}.{invented(6)}.{invented(27)}")],
    "GitHubTokenDetector": [("{}", f"gh{kind}_{invented(36)}") for kind in "pousr"] + [("url {}.", "github" + "_pat_" + invented(82))],
    "GitLabTokenDetector": [
        ("{} x", f"glpa{'t'}-{invented(20)}"),
        ("{} x", "glptt" + f"-{hexadecimal(40)}"),
        ("{} x", "glcbt" + f"-4f_{invented(20)}"),
    ],
    "IbmCloudIamDetector": [("ibm_api_key: {} x", invented(44))],
    "IbmCosHmacDetector": [("cos_secret_access_key={} x", hexadecimal(48))],
    "JwtTokenDetector": [("Cookie: {}; x", jwt()), ('"{}"', jwt(6000))],
    "MailchimpDetector": [("{} x", f"{lower(32)}-us12")],
    "NpmDetector": [("//registry.example.com/:_authToken={}", "npm_" + invented(36))],
    "OpenAIDetector": [("{} x", f"sk-{invented(20)}T3BlbkFJ{invented(20, 'b')}")],
    "PrivateKeyDetector": [
        (f"x\n{DASHES}{{}}\ny", KEY[5:]),
        (f"'{DASHES}{{}}'", repr(KEY[5:])[1:-1]),
        (f"{DASHES}{{}}.", KEY[5:700]),
        (f"{DASHES}{{}} x", KEY[5:].replace("RSA", "ENCRYPTED")),
        ("{}\nx", f"PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 2\n{invented(64)}\nPrivate-MAC: {hexadecimal(40)}"),
    ],
    "PypiTokenDetector": [("{} x", f"pypi-{'AgEIcHlwaS5vcmc'}{invented(90)}")],
    "SendGridDetector": [("{} x", f"SG.{invented(22)}.{invented(43)}")],
    "SlackDetector": [
        ("{} x", f"xox{'b'}-{1234567890}-{1234567890123}-{invented(24)}"),
        ("{} x", f"https://hooks.slack.com/services/T{invented(8)}/B{invented(8)}/{invented(24)}"),
    ],
    "SoftlayerDetector": [("softlayer_api_key = '{}'", lower(64))],
    "SquareOAuthDetector": [("{} x", f"sq0cs{'p'}-{invented(43)}")],
    "StripeDetector": [("{} x", f"sk_liv{'e'}_{invented(24)}"), ("{} x", f"rk_liv{'e'}_{invented(99)}")],
    "TelegramBotTokenDetector": [("bot{} x", f"123456789:{invented(35)}")],
    "TwilioKeyDetector": [("{} x", f"A{'C'}{hexadecimal(32)}"), ("{} x", f"S{'K'}{hexadecimal(32)}")],
    # Ours
    "presigned URLs": [
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature={}&x=1", hexadecimal(64)),
        ("https://b.s3.amazonaws.com/k?X-Amz-Security-Token={}&x=1", invented(200) + "%2F%3D"),
        ("k?a=1&amp;X-Amz-Credential={}&amp;x=1", f"{invented(16, alphabet=UPPER)}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"),
        ("'x-amz-security-token': b'{}'", invented(200)),
        ("https://x.cloudfront.net/k?Expires=1&Signature={}&Key-Pair-Id=x", invented(60) + "~~"),
        ("https://x.blob.core.windows.net/k?sv=1&sig={}", invented(40) + "%3D"),
    ],
    "headers": [
        ("Authorization: {}\nx", f"Bearer {invented(40)}"),
        ("{{'Authorization': '{}'}}".replace("{{", "{").replace("}}", "}"), f"Basic {invented(20)}=="),
    ],
    "others": [("{} x", f"h{'f'}_{invented(34)}")],
}
CASES = [(plugin, text, secret) for plugin, cases in SECRETS.items() for text, secret in cases]


def test_every_rule_of_the_scanner_is_covered():
    plugins = {plugin.__name__ for plugin in get_mapping_from_secret_type_to_class().values()}
    assert plugins - set(LEFT_OUT) == {name for name in SECRETS if name.endswith("Detector")}


@pytest.mark.parametrize(("plugin", "text", "secret"), CASES, ids=[f"{case[0]}{number}" for number, case in enumerate(CASES)])
@pytest.mark.parametrize("length", [0, 5000])
def test_the_whole_secret_is_taken_out_and_nothing_else(plugin, text, secret, length):
    around = "\nwords and 123 numbers\n" * (length // 20)
    shown = around + text.replace("{}", secret) + around
    clean, redactions = Screener().text(shown, "log")
    assert redactions
    rule = redactions[0].rule if len({one.rule for one in redactions}) == 1 else None
    start, end = text.split("{}")
    assert clean.startswith(around + start + "[redacted: ")
    assert clean.endswith("]" + end + around)
    assert len(clean) < len(around) * 2 + len(text) + 60
    assert rule is None or clean == around + text.replace("{}", f"[redacted: {rule}]") + around


@pytest.mark.parametrize("plugin", [name for name in SECRETS if name.endswith("Detector")])
def test_what_the_scanner_itself_reports_is_found(plugin):
    """Its own method, on our texts: the needles that spare us its slow expressions spare us none of its findings."""
    scanner = next(one for one in get_mapping_from_secret_type_to_class().values() if one.__name__ == plugin)()
    for text, secret in SECRETS[plugin]:
        shown = text.replace("{}", secret)
        ours = [shown[start:end] for start, end, _ in find(shown, shown.lower())]
        for line in shown.splitlines():
            for value in scanner.analyze_string(line):
                assert any(value.strip(' "=:\n') in one for one in ours)


@pytest.mark.parametrize(
    "line",
    [
        'my_{} = "blue.horse"',
        "my_{}: 'blue.horse'",
        'x["{}"] => "blue.horse"',
        'if "blue.horse" == my_{}:',
        'if {} != "blue.horse":',
        '{}="blue.horse"',
        '{{"{}": "blue.horse"}}',
    ],
)
@pytest.mark.parametrize("name", ["pass" + "word", "pwd", "api" + "_key", "client_key", "db_pass", "secret"])
def test_keywords_are_the_scanners(line, name):
    shown = line.format(name)
    assert "blue.horse" in list(KeywordDetector().analyze_string(shown))
    assert "blue.horse" not in Screener().text(shown, "log")[0]


@pytest.mark.parametrize(
    "line",
    [
        "{}=blue7horse",
        "export DB_{}=blue7horse",
        "user=ann;{}=blue7horse;x=1",
        "?{}=blue7horse&x=1",
        "--{} blue7horse",
        "{}: k9Xw2LmQ8vRt4Zp1",
        "{} = k9Xw2LmQ8vRt4Zp1",
        'x("{}", "k9Xw2LmQ8vRt4Zp1")',
        '{}: "!blue.horse"',
        'x = \'{{"{}": "blue.horse"}}\'',
        '"{{\\"{}\\": \\"blue.horse\\"}}"',
        'if \\"blue.horse\\" == {}:',
    ],
)
def test_outputs_hold_values_without_quotes(line):
    clean, redactions = Screener().text(line.format("pass" + "word"), "log")
    assert "horse" not in clean
    assert "k9Xw" not in clean
    assert [one.rule for one in redactions] == ["Secret Keyword"]


@pytest.mark.parametrize("name", ["token", "AWS_SESSION_TOKEN", "auth_token", "credential", "x-api-key", "passphrase", "refreshToken"])
def test_other_names_need_a_value_that_looks_random(name):
    random = invented(40)
    for line in ('{} = "{}"', '"{}": "{}"', "{}={}", "{}: {}"):
        assert random not in Screener().text(line.format(name, random), "log")[0]
        assert Screener().text(line.format(name, "blue-horse"), "log")[1] == ()


def test_findings_are_places_and_rules():
    secret = "AK" + "IA" + invented(16, alphabet=UPPER)
    assert list(find(f"a {secret} b", f"a {secret} b".lower())) == [Hit(2, 22, "AWS Access Key")]


def test_a_presigned_url_keeps_what_is_public():
    clean, _ = Screener().text(SIGNED, "log")
    assert clean == SIGNED.replace(hexadecimal(64), "[redacted: Presigned URL]")
