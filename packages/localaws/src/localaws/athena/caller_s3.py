"""S3 access of a query, with the caller's credentials. Every refusal names action and resource."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.athena.object_cache import ObjectCache, S3Object
from localaws.athena.trino.query_errors import QueryError
from localaws.kit.s3 import Encryption, parse_uri

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_TRANSFERS = 4


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key. Raises QueryError for any other text."""
    try:
        location = parse_uri(uri, schemes=("s3", "s3a", "s3n"))
    except ValueError as error:
        raise QueryError("INVALID_PROPERTY", f"{uri} is not a valid Amazon S3 location") from error
    return location.bucket, location.key


def folder_uri(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"


class Lake:
    """S3 for one query. It calls `check` between transfers, which raises if the query was cancelled."""

    def __init__(self, client: "S3Client", *, cache: ObjectCache, hold: Callable[[S3Object, str], None], check: Callable[[], None]) -> None:
        self._client, self._cache, self._hold, self._check = client, cache, hold, check
        self.uris: dict[Path, str] = {}
        """The addresses of the objects, by the files that hold them, for errors."""

    def list(self, uri: str, *, at_most: int | None = None) -> list[S3Object]:
        """The objects below a folder, without folder markers and without those that Hive hides (names that begin with _ or .)."""
        bucket, prefix = split_uri(folder_uri(uri))
        found: list[S3Object] = []
        self._check()
        with _s3_errors(uri):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    name = item["Key"].removeprefix(prefix)
                    if not name or name.endswith("/") or any(part.startswith(("_", ".")) for part in name.split("/")):
                        continue
                    found.append(S3Object(bucket=bucket, key=item["Key"], etag=item["ETag"], size_bytes=item["Size"]))
                if at_most is not None and len(found) >= at_most:
                    break
                self._check()
        return found

    def is_empty(self, uri: str) -> bool:
        bucket, prefix = split_uri(folder_uri(uri))
        with _s3_errors(uri):
            return not self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents")

    def fetch(self, objects: Sequence[S3Object]) -> Sequence[Path]:
        """Local files with the objects' contents. A cached object is not transferred again, but S3 checks the caller's permission."""
        if len(objects) <= 1:
            return [self._fetch(item) for item in objects]
        with ThreadPoolExecutor(max_workers=_TRANSFERS) as pool:
            return list(pool.map(self._fetch, objects))

    def fetch_converted(self, item: S3Object, form: str, content: Path, convert: Callable[[Path], None]) -> Path:
        """A local file that `convert` makes from the object's `content`; as in `fetch`, it may be cached. `form` names the conversion."""

        def write(path: Path) -> None:
            self.uris[content] = item.uri
            self._save(body, content)
            convert(path)
            content.unlink()

        self._hold(item, form)
        body = self._get(item, is_cached=self._cache.has(item, form))
        if body is not None:
            self._cache.add(item, write, form)
        return self._file(item, form)

    def _fetch(self, item: S3Object) -> Path:
        self._hold(item, "")
        body = self._get(item, is_cached=self._cache.has(item))
        if body is not None:
            self._cache.add(item, lambda path: self._save(body, path))
        return self._file(item, "")

    def _file(self, item: S3Object, form: str) -> Path:
        path = self._cache.path(item, form)
        self.uris[path] = item.uri
        return path

    def _get(self, item: S3Object, *, is_cached: bool) -> Any:
        """The object's content as a stream. None for a cached object, after S3 has checked the caller's permission."""
        from botocore.exceptions import ClientError

        self._check()
        # A request for a cached object is answered with 304, after S3 has checked the permission. IfMatch fails the query if the object
        # was replaced after it was listed, so the cache never holds other content under this ETag.
        bucket, key, etag = item.bucket, item.key, item.etag
        with _s3_errors(item.uri):
            try:
                if is_cached:
                    answer = self._client.get_object(Bucket=bucket, Key=key, IfNoneMatch=etag)
                else:
                    answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=etag)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                    return None
                raise
            return answer["Body"]

    def _save(self, body: Any, path: Path) -> None:
        with contextlib.closing(body), path.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                self._check()
                file.write(chunk)

    def upload(self, files: Sequence[tuple[Path, str]], encryption: Encryption) -> None:
        """Store each (file, s3 URI)."""
        with ThreadPoolExecutor(max_workers=_TRANSFERS) as pool:
            list(pool.map(lambda one: self._upload(one[0], one[1], encryption), files))

    def _upload(self, path: Path, uri: str, encryption: Encryption) -> None:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import ClientError

        self._check()
        bucket, key = split_uri(uri)
        with _s3_errors(uri):
            try:
                self._client.upload_file(str(path), bucket, key, ExtraArgs={**encryption})
            except S3UploadFailedError as error:
                if isinstance(error.__context__, ClientError):  # boto3's error has no code; the one behind it has
                    raise error.__context__ from error
                raise

    def put(self, data: bytes, uri: str, encryption: Encryption) -> None:
        bucket, key = split_uri(uri)
        with _s3_errors(uri):
            self._client.put_object(Bucket=bucket, Key=key, Body=data, **encryption)


@contextlib.contextmanager
def _s3_errors(uri: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code in ("AccessDenied", "403"):
            raise QueryError("PERMISSION_DENIED", f"Permission denied on S3 path: {uri}. {text}") from error
        raise QueryError("HIVE_FILESYSTEM_ERROR", f"{uri}: {text} ({code})") from error
