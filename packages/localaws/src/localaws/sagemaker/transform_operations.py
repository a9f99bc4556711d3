"""Operations on batch transform jobs. A job reads objects, asks the model and writes objects, under the model's role."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.job_log import LogStream
from localaws.kit.members import refuse_unhonoured
from localaws.kit.s3 import encrypted_with, keys_below, parse_uri
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.sagemaker import refusals
from localaws.sagemaker.algorithm_images import InvalidPayload, Predictor
from localaws.sagemaker.endpoint_record import EndpointDeployment, Variant
from localaws.sagemaker.execution_roles import Roles
from localaws.sagemaker.input_data import relative_name
from localaws.sagemaker.listing import select
from localaws.sagemaker.model_operations import Models
from localaws.sagemaker.resource_tables import TRANSFORM_JOB, Table
from localaws.sagemaker.serving import Serving, ServingFailed
from localaws.sagemaker.transform_job import TransformJob, assembled, requests_of

_LOG_GROUP = "/aws/sagemaker/TransformJobs"
_MAX_OBJECT_BYTES = 1 << 30
_INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


class TransformJobs:
    """One job runs at a time. `stop` ends it after the current request to the model."""

    def __init__(self, host: Host, roles: Roles, models: Models, serving: Serving) -> None:
        self.table = Table(TRANSFORM_JOB, TransformJob, account=host.account, region=host.region, lock=models.table.lock)
        self._host, self._roles, self._models, self._serving = host, roles, models, serving
        self._shutdown = Event()
        self._workers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="transform")

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.TRANSFORM_JOB)
        name, now = request["TransformJobName"], time.time()
        self.table.check_free(name)
        model = self._models.table.get(request["ModelName"])
        for member, uri in (
            ("TransformInput.DataSource.S3DataSource.S3Uri", request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]),
            ("TransformOutput.S3OutputPath", request["TransformOutput"]["S3OutputPath"]),
        ):
            try:
                parse_uri(uri)
            except ValueError as error:
                raise AwsError("ValidationException", f"{member}: {error}.") from error
        job = TransformJob(
            name=name,
            arn=self.table.arn(name),
            created=now,
            modified=now,
            tags=tags_of_request(request),
            request={member: value for member, value in request.items() if member != "Tags"},
            image=model.container["Image"],
            model_data_url=model.container["ModelDataUrl"],
            role_arn=model.request["ExecutionRoleArn"],
        )
        self.table.add(job)
        self._workers.submit(self._run, job)
        return {"TransformJobArn": job.arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            return self.table.get(request["TransformJobName"]).describe()

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            jobs = select(self.table, request, order="Descending", status=lambda job: job.status)
            return {"TransformJobSummaries": [job.summary() for job in jobs]}

    def stop(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            job = self.table.get(request["TransformJobName"])
            if job.status != "InProgress":
                raise AwsError("ValidationException", f"The request was rejected because the transform job is in status {job.status}.")
            job.status = "Stopping"
            if job.started is None:
                job.end("Stopped", time.time())
        return {}

    def resume(self) -> None:
        """Continue after a restart: jobs that ran become Failed, waiting jobs wait again."""
        for job in self.table:
            if job.ended is None and job.started is None:
                self._workers.submit(self._run, job)
            else:
                job.end("Failed", time.time(), _INTERNAL_ERROR)

    def shut_down(self) -> None:
        self._shutdown.set()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: TransformJob) -> None:
        with self.table.lock:
            if job.ended is not None or self._shutdown.is_set():
                return
            job.started = time.time()
        variant = Variant(
            name="transform", image=job.image, model_data_url=job.model_data_url, role_arn=job.role_arn, weight=1.0, instance_count=1
        )
        deployment = EndpointDeployment(id=f"transform-{secrets.token_hex(8)}", config_name="", started=job.started, variants=[variant])
        reason = None
        try:
            self._transform(job, self._serving.predictor(deployment, variant, job.arn))
        except (ServingFailed, InvalidPayload, ClientError, BotoCoreError, ValueError) as error:
            reason = f"ClientError: {error}"
        except AwsError as error:
            reason = f"ClientError: {error.message}"
        except Exception as error:
            reason = f"{_INTERNAL_ERROR} ({type(error).__name__}: {error})"
        finally:
            self._serving.discard(deployment)
        self._end(job, reason, self._serving.note(variant))

    def _end(self, job: TransformJob, reason: str | None, note: str) -> None:
        log = LogStream(
            lambda: self._roles.client("logs", role_arn=job.role_arn, source_arn=job.arn),
            group=_LOG_GROUP,
            stream=f"{job.name}/i-{secrets.token_hex(4)}",
        )
        log.put([line for line in (note, reason) if line])
        with self.table.lock:
            if not self._shutdown.is_set():  # otherwise the next start fails the job
                job.end("Failed" if reason else "Stopped" if job.status == "Stopping" else "Completed", time.time(), reason)
        self._host.changed()

    def _transform(self, job: TransformJob, predictor: Predictor) -> None:
        s3 = self._roles.client("s3", role_arn=job.role_arn, source_arn=job.arn)
        source = parse_uri(job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
        target = job.request["TransformOutput"]["S3OutputPath"].rstrip("/")
        keys = list(keys_below(s3, source))
        if not keys:
            raise ValueError(f"No S3 objects found under S3 URL s3://{source.bucket}/{source.key}")
        for key in keys:
            answers = self._answers(job, predictor, s3.get_object(Bucket=source.bucket, Key=key))
            if answers is None:
                return
            out = parse_uri(f"{target}/{relative_name(key, source.key)}.out")
            encryption = encrypted_with(job.request["TransformOutput"].get("KmsKeyId"))
            s3.put_object(Bucket=out.bucket, Key=out.key, Body=assembled(answers, job.request), **encryption)

    def _answers(self, job: TransformJob, predictor: Predictor, found: Any) -> list[bytes] | None:
        """The model's answers to one object. None if the job was stopped."""
        if found["ContentLength"] > _MAX_OBJECT_BYTES:
            raise ValueError(f"The local AWS reads at most {_MAX_OBJECT_BYTES} bytes of an object.")
        content_type, accept = job.request["TransformInput"].get("ContentType", ""), job.request["TransformOutput"].get("Accept", "")
        answers = []
        for body in requests_of(found["Body"].read(), job.request):
            if self._shutdown.is_set() or job.status == "Stopping":
                return None
            answers.append(predictor.predict(body, content_type, accept)[0])
        return answers
