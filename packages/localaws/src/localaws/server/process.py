"""`python -m localaws.server --home DIR --port N`: the local AWS, one process, one socket on loopback."""

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import uvicorn

from localaws import client_files, cloudformation, ports
from localaws.cloudformation.deployments import SERVICE as CLOUDFORMATION
from localaws.cloudformation.deployments import Deployments
from localaws.cloudtrail.trails import PRINCIPAL as CLOUDTRAIL
from localaws.codeconnections.pushes import Pushes
from localaws.emulator import Emulator, Settings
from localaws.errors import LocalAwsFailed
from localaws.front.application import Front
from localaws.front.emulated_calls import EmulatedCalls
from localaws.front.engine_calls import EngineCalls
from localaws.home import Home
from localaws.kit import open_questions
from localaws.kit.api_record import ApiRecord
from localaws.kit.service import Credentials, Host, Service
from localaws.server.checkpoint import Checkpoint
from localaws.server.engine_host import LocalHost

ADMINISTRATOR = "administrator"
_ADMINISTRATOR_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'

_SAGEMAKER_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
)
_JOBS_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","logs:*","cloudwatch:*"],"Resource":"*"}]}'


class LocalAws:
    """All parts of one local AWS, connected. `front` is the ASGI application."""

    def __init__(self, *, home: Home, settings: Settings) -> None:
        self.home, self.emulator = home, Emulator(settings, ApiRecord(home.folder("calls")))
        self.host = LocalHost(emulator=self.emulator, home=home, changed=lambda *names: self.checkpoint.changed(*names))
        self.emulator.deliver_by(start_target=self.host.start_target, record_mail=self.host.record_mail)
        self.pushes = Pushes(home.folder("codeconnections"))
        self.engines = make_engines(self.host.of, self.emulator.record, self.host.deliver_log, self.pushes)
        types = dict(cloudformation.RESOURCE_TYPES)
        for engine in self.engines.values():
            types.update(engine.resource_types)
        self.deployments = Deployments(
            host=self.host.of(CLOUDFORMATION),
            emulator=self.emulator,
            types=types,
            changed=lambda: self.checkpoint.changed("cloudformation", "deployments"),
        )
        self.checkpoint = Checkpoint(emulator=self.emulator, home=home, states={**self.engines, "deployments": self.deployments})
        changed, saved = self.checkpoint.changed, self.checkpoint.saved
        self.front = Front(
            emulator=self.emulator,
            engines=EngineCalls(emulator=self.emulator, engines=self.engines, changed=changed, saved=saved),
            emulated=EmulatedCalls(emulator=self.emulator, deployments=self.deployments, changed=changed, saved=saved),
            invoked_by=self.host.invoked_by,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the state, serve, save the state."""
        self.checkpoint.start()
        await self._make_administrator()
        await self._make_execution_role()
        self.deployments.recover()
        self.pushes.start()
        try:
            yield
        finally:
            self.pushes.stop()
            for engine in self.engines.values():
                await asyncio.to_thread(engine.stop)
            self.checkpoint.save(everything=True)

    async def _make_administrator(self) -> None:
        """Create a user with all rights. It is not root: an explicit Deny applies to a user, and would not apply to root."""
        if (known := self.home.credentials()) is not None and self.emulator.knows_key(known.access_key_id):
            return
        if not self.emulator.knows_user(ADMINISTRATOR):
            await self.emulator.iam("CreateUser", UserName=ADMINISTRATOR)
        await self.emulator.iam("PutUserPolicy", UserName=ADMINISTRATOR, PolicyName="all", PolicyDocument=_ADMINISTRATOR_POLICY)
        answer = (await self.emulator.iam("CreateAccessKey", UserName=ADMINISTRATOR)).decode()
        key = Credentials(access_key_id=_element(answer, "AccessKeyId"), secret_access_key=_element(answer, "SecretAccessKey"))
        self.checkpoint.save(everything=True)
        self.home.write("credentials.json", {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key})

    async def _make_execution_role(self) -> None:
        """Create the role `administrator` for jobs of SageMaker, unless it exists.

        The SageMaker SDK's `get_execution_role()` asks IAM for a role of the caller's name. In a notebook on AWS, the caller is a role.
        """
        if self.emulator.knows_role(ADMINISTRATOR):
            return
        await self.emulator.iam("CreateRole", RoleName=ADMINISTRATOR, AssumeRolePolicyDocument=_SAGEMAKER_TRUST)
        await self.emulator.iam("PutRolePolicy", RoleName=ADMINISTRATOR, PolicyName="jobs", PolicyDocument=_JOBS_POLICY)
        self.checkpoint.save(everything=True)


def make_engines(
    host_of: Callable[[str], Host], record: ApiRecord, deliver: Callable[[str, str, str, bytes], None], pushes: Pushes
) -> Mapping[str, Service]:
    """Our services, by botocore's names. `host_of` gives the host of the service with a principal.

    CloudTrail reads `record`, and writes its log files by `deliver`. CodePipeline and CodeCommit listen to `pushes`.
    """
    from localaws.application_autoscaling import ApplicationAutoScaling
    from localaws.athena import Athena
    from localaws.cloudtrail import CloudTrail
    from localaws.codebuild import CodeBuild
    from localaws.codecommit import CodeCommit
    from localaws.codeconnections import CodeConnections
    from localaws.codepipeline import CodePipeline
    from localaws.factorization_machines import FactorizationMachines
    from localaws.linear_learner import LinearLearner
    from localaws.sagemaker import SageMaker, SageMakerRuntime
    from localaws.xgboost import XGBoost

    sagemaker = SageMaker(host_of("sagemaker.amazonaws.com"), algorithms=[FactorizationMachines(), LinearLearner(), XGBoost()])
    connecting = host_of("codeconnections.amazonaws.com")
    connections = CodeConnections(connecting)
    engines: list[Service] = [
        # The process stops the engines in this order. Pipelines come first: otherwise they would take the end of a build for its failure.
        CodePipeline(host_of("codepipeline.amazonaws.com"), connections.connections, pushes),
        CodeBuild(host_of("codebuild.amazonaws.com")),
        CodeCommit(host_of("codecommit.amazonaws.com"), pushes),
        connections,
        CodeConnections(connecting, name="codestar-connections", connections=connections.connections),
        Athena(host_of("athena.amazonaws.com")),
        sagemaker,
        SageMakerRuntime(sagemaker),
        ApplicationAutoScaling(host_of("application-autoscaling.amazonaws.com")),
        CloudTrail(host_of(CLOUDTRAIL), record, deliver),
    ]
    return {engine.name: engine for engine in engines}


def _element(xml: str, name: str) -> str:
    match = re.search(f"<{name}>([^<]+)</{name}>", xml)
    if match is None:
        raise LocalAwsFailed(f"The emulator's IAM answered without {name}.")
    return match[1]


def listen(port: int | None) -> socket.socket:
    """The one listening socket. Without a port, it takes `ports.PORT` or a free one. Raises LocalAwsFailed if a named port is taken."""
    try:
        listener = ports.bind(ports.PORT if port is None else port)
    except OSError as error:
        if port is not None:
            raise LocalAwsFailed(f"Port {port} on 127.0.0.1 is in use.") from error
        listener = ports.bind(0)
    listener.listen(128)
    return listener


async def _serve(home: Home, listener: socket.socket, account: str, region: str) -> None:
    port = listener.getsockname()[1]
    local = LocalAws(home=home, settings=Settings(state_dir=home.folder("state"), account=account, region=region, port=port))
    config = uvicorn.Config(
        local.front,
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    async with local.running():
        client_files.write(home, endpoint_url=f"http://127.0.0.1:{port}", region=region)
        home.write("server.json", {"pid": os.getpid(), "port": port, "account": account, "region": region})
        await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn's own class ends the process by the signal that it received, before our state is saved."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the state")
    parser.add_argument("--port", type=int, help=f"0 takes a free port; default: {ports.PORT}, or a free port if {ports.PORT} is taken")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--background", action="store_true", help="detach from the terminal's session")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    os.environ.pop("AWS_DATA_PATH", None)  # in a shell of another local AWS, it would send our own calls of STS there
    if options.background:
        os.setsid()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = Home(path=options.home.resolve())
    open_questions.assume(home.assumptions())
    with home.locked():
        listener = listen(options.port)
        try:
            asyncio.run(_serve(home, listener, options.account, options.region))
        finally:
            (home.path / "server.json").unlink(missing_ok=True)
