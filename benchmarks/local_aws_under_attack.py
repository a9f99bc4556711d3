"""How long others wait for the local AWS while one caller asks for too much, and how much memory it takes.

    .venv/bin/python benchmarks/local_aws_under_attack.py

Each line: median and longest time of a call of another caller, in milliseconds, and the most memory so far, of all processes of the
local AWS (their proportional sets). The attacks are those of packages/localaws/tests/contract/test_attacks.py.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "packages/localaws/tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "packages/localaws/tests/contract"))

import test_attacks as attacks
from started import start_local_aws

from localaws import lifecycle

SECONDS = 3.0


@contextlib.contextmanager
def queries(attacked: attacks.Attacked) -> Iterator[None]:
    started = [attacks.start_query(attacked, sql) for sql in (attacks.GREEDY, attacks.ENDLESS)]
    yield
    for query in started:
        attacked.aws.client("athena").stop_query_execution(QueryExecutionId=query)


@contextlib.contextmanager
def downloads(attacked: attacks.Attacked) -> Iterator[None]:
    attacked.aws.client("s3").put_object(Bucket="attacked", Key="large", Body=bytes(48 * attacks.MB))
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            headers = attacks.signed(attacked.aws, "s3", path="/attacked/large")
            stack.enter_context(attacks.connect(attacked, "GET", "/attacked/large", headers))
        yield


@contextlib.contextmanager
def uploads(attacked: attacks.Attacked) -> Iterator[None]:
    headers = attacks.signed(attacked.aws, "s3", "PUT", "/attacked/upload", content="UNSIGNED-PAYLOAD")
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            upload = stack.enter_context(attacks.connect(attacked, "PUT", "/attacked/upload", headers, length=64 * attacks.MB))
            with contextlib.suppress(OSError):
                upload.sendall(bytes(32 * attacks.MB))
        yield


@contextlib.contextmanager
def nothing(_attacked: attacks.Attacked) -> Iterator[None]:
    yield


def measure(attacked: attacks.Attacked, attack: Callable[[attacks.Attacked], contextlib.AbstractContextManager[None]]) -> str:
    sts, times = attacked.aws.client("sts"), []
    with attack(attacked):
        ends = time.perf_counter() + SECONDS
        while time.perf_counter() < ends:
            began = time.perf_counter()
            sts.get_caller_identity()
            times.append(1000 * (time.perf_counter() - began))
    return f"{attack.__name__:10} {statistics.median(times):8.1f} {max(times):8.1f} ms {attacked.most_bytes / 1e6:8.0f} MB"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        attacked = attacks.Attacked(start_local_aws(home))
        attacked.aws.client("s3").create_bucket(Bucket="attacked")
        try:
            for attack in (nothing, queries, downloads, uploads):
                print(measure(attacked, attack), flush=True)
        finally:
            attacked.close()
            lifecycle.down(home)


if __name__ == "__main__":
    main()
