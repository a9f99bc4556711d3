"""The endpoint from which a build's AWS tools fetch the role's credentials, as in CodeBuild's container.

A build gets its address and a token in variables, and no keys. So tools that take keys from the environment first use other keys, and
return to the role's when those are unset.
"""

import json
import secrets
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from localaws.kit.service import Credentials

_VALID_FOR = timedelta(hours=11)  # less than the session's twelve hours


class CredentialEndpoint:
    """A server on a free port of 127.0.0.1. It answers only requests with its path and token."""

    def __init__(self, credentials: Credentials, role_arn: str) -> None:
        self.token, self._path = secrets.token_urlsafe(32), f"/credentials/{secrets.token_urlsafe(16)}"
        expires = (datetime.now(UTC) + _VALID_FOR).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = json.dumps(
            {
                "RoleArn": role_arn,
                "AccessKeyId": credentials.access_key_id,
                "SecretAccessKey": credentials.secret_access_key,
                "Token": credentials.session_token or "",
                "Expiration": expires,
            }
        ).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._path, self.token, answer))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="credentials", daemon=True).start()

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which every AWS SDK finds the endpoint."""
        url = f"http://127.0.0.1:{self._server.server_port}{self._path}"
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.token}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(path: str, token: str, answer: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            is_right = secrets.compare_digest(given.encode(), token.encode()) and secrets.compare_digest(self.path.encode(), path.encode())
            self.send_response(200 if is_right else 403)
            body = answer if is_right else b"{}"
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The log of the local AWS has no line for each request."""

    return Handler
