"""Each query has a process of its own: it ends with the query, with its server, and when it takes too much memory."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from localaws.athena import duck, query_processes
from localaws.athena.query_processes import QueryEnded, QueryProcesses
from localaws.athena.trino.query_errors import QueryError

ENDLESS = "SELECT sum(a.range * b.range % 7) FROM range(10000000) AS a, range(10000000) AS b"


@pytest.fixture
def processes() -> Iterator[QueryProcesses]:
    made = QueryProcesses()
    yield made
    made.close()


def forks(process: psutil.Process) -> bool:
    """Whether the process is one that forks those of queries. One that has ended has no command any more."""
    try:
        return "localaws.athena.query_server" in process.cmdline()
    except psutil.Error:
        return False


def below(depth: int) -> list[psutil.Process]:
    """The processes of queries. Depth 0: the processes that fork. Depth 1: their children, one for each query."""
    servers = [one for one in psutil.Process().children() if forks(one)]
    return servers if depth == 0 else [child for server in servers for child in server.children()]


def test_statements_share_a_database_that_no_other_query_sees(processes: QueryProcesses, tmp_path: Path) -> None:
    first, second = processes.new(tmp_path), processes.new(tmp_path)
    assert first.execute("CREATE TABLE t AS SELECT 7 AS a, 'x' AS b") == [[1]]
    assert first.execute("SELECT * FROM t") == [[7, "x"]]
    with pytest.raises(QueryError, match="Table with name t does not exist"):
        second.execute("SELECT * FROM t")
    first.close()
    second.close()


def test_an_error_names_the_querys_columns_and_the_next_statement_runs(processes: QueryProcesses, tmp_path: Path) -> None:
    process = processes.new(tmp_path)
    process.names = {"c0": "rating"}
    with pytest.raises(QueryError, match="INVALID_CAST_ARGUMENT"):
        process.execute("SELECT CAST('x' AS INTEGER)")
    with pytest.raises(QueryError, match="'rating' must be an aggregate expression"):
        process.execute("SELECT c0, count(*) FROM (SELECT 1 AS c0)")
    assert process.execute("SELECT 1") == [[1]]
    process.close()


def test_a_query_may_open_its_own_folders_only(processes: QueryProcesses, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.csv").write_text("1\n")
    process = processes.new(tmp_path / "inside")
    with pytest.raises(QueryError, match="disabled by configuration"):
        process.execute(f"SELECT * FROM read_csv('{tmp_path}/outside.csv')")
    process.close()


def test_a_query_that_needs_too_much_memory_fails_alone(processes: QueryProcesses, tmp_path: Path) -> None:
    process, other = processes.new(tmp_path), processes.new(tmp_path)
    entries = duck.memory_limit_bytes() // 2  # eight bytes each, and DuckDB does not count them
    with pytest.raises(QueryError, match="EXCEEDED_LOCAL_MEMORY_LIMIT"):
        process.execute(f"SELECT len(range({entries}))")
    assert other.execute("SELECT 1") == [[1]]
    assert process.execute("SELECT 1") == [[1]]
    process.close()
    other.close()


def test_a_stopped_query_ends_in_the_middle_of_its_statement(processes: QueryProcesses, tmp_path: Path) -> None:
    process = processes.new(tmp_path)
    process.execute("SELECT 1")
    (child,) = below(1)
    threading.Timer(0.2, process.stop).start()
    with pytest.raises(QueryEnded):
        process.execute(ENDLESS)
    wait_until(lambda: not child.is_running(), "the query's process has ended")
    with pytest.raises(QueryEnded):
        process.execute("SELECT 1")
    process.close()


def test_a_query_that_takes_too_long_is_ended(processes: QueryProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_processes, "_LONGEST_S", 0.2)
    process = processes.new(tmp_path)
    with pytest.raises(QueryError, match="EXCEEDED_TIME_LIMIT: Query exceeded the maximum run time"):
        process.execute(ENDLESS)
    wait_until(lambda: not below(1), "the query's process has ended")
    process.close()


def test_the_next_query_runs_after_a_kill_of_any_process(processes: QueryProcesses, tmp_path: Path) -> None:
    process = processes.new(tmp_path)
    process.execute("SELECT 1")
    below(1)[0].kill()
    with pytest.raises(QueryEnded):
        process.execute("SELECT 2")
    processes.prepare()
    wait_until(lambda: bool(below(1)), "a process is ready")
    for killed in (below(1)[0], below(0)[0]):
        killed.kill()
        killed.wait()
        again = processes.new(tmp_path)
        assert again.execute("SELECT 3") == [[3]]
        again.close()
    process.close()


def test_the_process_that_is_ready_runs_the_next_query(processes: QueryProcesses, tmp_path: Path) -> None:
    processes.prepare()
    processes.prepare()
    wait_until(lambda: bool(below(1)), "a process is ready")
    process = processes.new(tmp_path)
    assert process.execute("SELECT 1") == [[1]]
    assert len(below(1)) == 1
    process.close()


def test_no_process_outlives_its_server(processes: QueryProcesses, tmp_path: Path) -> None:
    process = processes.new(tmp_path)
    process.execute("SELECT 1")
    processes.prepare()
    wait_until(lambda: len(below(1)) == 2, "both processes run")
    ended = [*below(0), *below(1)]
    process.close()
    processes.close()
    wait_until(lambda: not any(one.is_running() for one in ended), "all have ended")
