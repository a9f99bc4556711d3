"""What the front refuses before an engine or the emulator has seen the request, one thing at a time."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from localaws.front import asgi_messages
from localaws.front.answer_texts import cut
from localaws.front.application import Front
from localaws.front.wire_protocol import Answer
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model

KEY, ROOT = "AKIAEXAMPLEEXAMPLE00", "AKIAROOTROOTROOT0000"


class Reached:
    """Stands for the engines and for the emulator: counts who comes through, and answers or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.services: list[str] = []
        self._failure = failure

    def signing_names(self) -> frozenset[str]:
        return frozenset({"athena", "sagemaker"})


class Engines(Reached):
    async def answer(self, request: Any, signature: Any, body: bytes) -> Answer:
        self.services.append(signature.service)
        if self._failure is not None:
            raise self._failure
        return Answer(status=200, headers={"content-type": "text/plain"}, body=b"done")


class Emulated(Reached):
    async def answer(self, request: Any, signature: Any, scope: Any, receive: Any, send: Any) -> None:
        self.services.append(signature.service)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def header(service: str = "athena", *, key: str = KEY, region: str = "eu-west-1") -> str:
    scope = f"{key}/20260101/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-content-sha256, Signature=abc"


def ask(
    authorization: str | None, *, path: str = "/", query: bytes = b"", host: str = "127.0.0.1:4566", failure: Exception | None = None
) -> tuple[int, bytes, list[str]]:
    """Status and body of the answer, and the services that were reached."""
    engines, emulated = Engines(failure), Emulated()
    settings = SimpleNamespace(port=4566, region="eu-west-1")
    emulator: Any = SimpleNamespace(settings=settings, is_root=lambda key: key == ROOT, principal=lambda key: "")
    front = Front(emulator=emulator, engines=engines, emulated=emulated, invoked_by=lambda agent: "")  # type: ignore[arg-type]
    headers = [(b"host", host.encode()), (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")]
    headers += [(b"authorization", authorization.encode())] if authorization else []
    scope = {"type": "http", "method": "POST", "path": path, "query_string": query, "headers": headers}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(front(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body, engines.services + emulated.services


@pytest.mark.parametrize(
    ("authorization", "service"),
    [
        (header(), "athena"),
        (header("sagemaker"), "sagemaker"),
        (header("s3"), "s3"),
        (header("iam", region="us-east-1"), "iam"),
        (header("sts", region="us-east-1"), "sts"),
        (header("sts"), "sts"),
    ],
)
def test_a_request_against_which_nothing_speaks_reaches_its_service(authorization: str, service: str) -> None:
    assert ask(authorization)[::2] == (200, [service])


def test_an_older_presigned_url_names_no_region_and_reaches_s3() -> None:
    query = f"AWSAccessKeyId={KEY}&Signature=abc&Expires=1".encode()
    assert ask(None, path="/bucket/key", query=query)[::2] == (200, ["s3"])


@pytest.mark.parametrize(
    ("status", "text", "asked"),
    [
        (403, b"loopback", {"authorization": header(), "host": "evil.example:4566"}),
        (403, b"Missing", {"authorization": None}),
        (403, b"IncompleteSignature", {"authorization": "Bearer x"}),
        (400, b"does not honour the service dynamodb", {"authorization": header("dynamodb")}),
        (403, b"nothing at /x", {"authorization": header(), "path": "/x"}),
        (403, b"InvalidClientTokenId", {"authorization": header(key=ROOT)}),
        (403, b"InvalidClientTokenId", {"authorization": header("s3", key=ROOT)}),
        (403, b"serves eu-west-1 only", {"authorization": header(region="us-east-1")}),
        (403, b"serves eu-west-1 only", {"authorization": header("s3", region="us-east-1")}),
        (403, b"serves eu-west-1 only", {"authorization": header("iam", region="us-west-2")}),
        (403, b"InvalidClientTokenId", {"authorization": None, "query": f"AWSAccessKeyId={ROOT}&Signature=abc&Expires=1".encode()}),
    ],
)
def test_each_reason_alone_refuses_the_request(status: int, text: bytes, asked: dict[str, Any]) -> None:
    found, body, services = ask(**asked)
    assert (found, services) == (status, [])
    assert text in body


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (AwsError("ValidationException", "wrong"), 400, b"wrong"),
        (RecursionError("unforeseen"), 400, b"nested too deeply"),
        (RuntimeError("unforeseen"), 500, b"InternalFailure"),
    ],
)
def test_a_service_that_fails_answers_with_an_error(failure: Exception, status: int, text: bytes) -> None:
    found, body, _ = ask(header(), failure=failure)
    assert found == status
    assert text in body
    assert b"unforeseen" not in body


def test_a_websocket_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    nothing: Any = None
    asyncio.run(Front(emulator=nothing, engines=nothing, emulated=nothing, invoked_by=nothing)({"type": "websocket"}, nothing, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_large_body_is_refused_while_others_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_messages, "MOST_BYTES", 10)
    monkeypatch.setattr(asgi_messages, "_SMALL_BYTES", 8)
    uploads = asgi_messages.Uploads()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"12345678", "more_body": True}

    async def run() -> None:
        with uploads.counted(receive) as first:
            await first()
            await first()  # a body may be large if it is the only one
            with uploads.counted(receive) as second:
                await second()  # small
                with pytest.raises(AwsError, match="reduce your request rate") as caught:
                    await second()
                assert (caught.value.code, caught.value.status) == ("SlowDown", 503)
        with uploads.counted(receive) as third:
            await third()
            await third()

    asyncio.run(run())


def test_a_caller_who_pauses_in_the_middle_of_a_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_messages, "_LONGEST_PAUSE_S", 0.01)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    async def run() -> None:
        with asgi_messages.Uploads().counted(receive) as counted:
            await counted()

    with pytest.raises(AwsError, match="not read from or written to") as caught:
        asyncio.run(run())
    assert caught.value.code == "RequestTimeout"


def test_the_prose_of_an_answer_is_cut_to_the_models_length_and_nothing_else() -> None:
    model = service_model("sagemaker").operation_model("DescribeTrainingJob").output_shape
    assert model is not None
    long = "x" * 5000
    answer = {
        "FailureReason": long,
        "TrainingJobName": long,
        "SecondaryStatusTransitions": [{"StatusMessage": long}],
        "ProfilerRuleEvaluationStatuses": [{"StatusDetails": long}],
    }
    assert cut(model, answer) == {
        **answer,
        "FailureReason": "x" * 1024,
        "ProfilerRuleEvaluationStatuses": [{"StatusDetails": "x" * 1024}],
    }
