"""Sets the environment variables that MiniStack reads when it is imported. No other module sets them."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Signing name of a request -> the emulator's name for the service. Only these services are enabled; the front refuses all others by name.
SERVICES: Mapping[str, str] = {
    "cloudformation": "cloudformation",
    "events": "events",
    "glue": "glue",
    "iam": "iam",
    "kms": "kms",
    "logs": "logs",
    "monitoring": "monitoring",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "ssm": "ssm",
    "sts": "sts",
}

# Signing name -> the emulator's module, if the names differ. The state file has the module's name.
STATE_KEYS: Mapping[str, str] = {"events": "eventbridge", "logs": "cloudwatch_logs", "monitoring": "cloudwatch"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The emulator's state folder, account, region and port."""

    state_dir: Path
    account: str
    region: str
    port: int

    @property
    def emulator_dir(self) -> Path:
        return self.state_dir / "emulator"

    def environment(self) -> dict[str, str]:
        """The variables that the emulator needs. Its root key is random and no caller gets it."""
        return {
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.emulator_dir),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state_dir / "s3"),
            "SERVICES": ",".join(sorted(SERVICES.values())),
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_REGION": self.region,
            "MINISTACK_HOST": "127.0.0.1",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8).upper(),
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        }

    def apply(self) -> None:
        """Set them in this process. They replace the shell's settings for AWS and the emulator."""
        foreign = ("AWS_", "MINISTACK_", "LOCALSTACK_", "S3_", "EDGE_PORT", "USE_SSL")
        for name in [name for name in os.environ if name.startswith(foreign)]:
            del os.environ[name]
        os.environ.update(self.environment())
