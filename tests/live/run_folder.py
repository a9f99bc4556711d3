"""The folder of one run: facts for later steps, every answer of AWS, and the files that a person sends back."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

_HIDDEN = {"Credentials", "SecretString", "SecretAccessKey", "SessionToken", "Plaintext", "CiphertextBlob"}


class RunFolder:
    """Each answer is a line of answers/<step>.jsonl; an answer that repeats the one before, as polling gets it, is left out."""

    def __init__(self, path: Path) -> None:
        self.path, self.step = path, "00-account"
        self._lock, self._last = threading.Lock(), dict[str, str]()
        (path / "answers").mkdir(parents=True, exist_ok=True)

    @classmethod
    def create(cls, parent: Path, account: str) -> "RunFolder":
        return cls(parent / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{account}")

    def save(self, name: str, content: Any) -> Path:
        """Write a text as it is, anything else as JSON."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2, default=str) + "\n")
        return path

    def note(self, **facts: Any) -> None:
        """Keep facts that later steps need, and that tell after a crash what was made."""
        self.save("facts.json", {**self._facts(), **facts})

    def fact(self, name: str, default: Any = None) -> Any:
        return self._facts().get(name, default)

    def _facts(self) -> dict[str, Any]:
        path = self.path / "facts.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def record(self, session: boto3.Session) -> None:
        """Keep every answer that clients of this session get from now on."""
        session.events.register("after-call", self._keep)

    def _keep(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        answer = _plain({name: value for name, value in parsed.items() if name != "ResponseMetadata"})
        operation = f"{model.service_model.service_name}.{model.name}"
        text = json.dumps(answer, default=str)
        with self._lock:
            if self._last.get(operation) == text:
                return
            self._last[operation] = text
            line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "operation": operation, "answer": answer}
            with (self.path / "answers" / f"{self.step}.jsonl").open("a") as file:
                file.write(json.dumps(line, default=str) + "\n")


def _plain(value: Any) -> Any:
    """The value without credentials and without the content of streams."""
    if isinstance(value, Mapping):
        return {name: "(hidden)" if name in _HIDDEN else _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
