from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.kit.job_log import OutputFile, batches


def test_a_line_is_given_once_and_only_when_it_is_whole(tmp_path):
    path = tmp_path / "log"
    output = OutputFile(path)
    assert output.new_lines() == []
    path.write_bytes(b"one\r\ntw")
    assert output.new_lines() == ["one"]
    path.write_bytes(b"one\r\ntwo\n\nthree")
    assert output.new_lines() == ["two", ""]
    assert output.new_lines(ended=True) == ["three"]
    assert output.new_lines(ended=True) == []


def test_reading_goes_on_where_an_earlier_reader_was(tmp_path):
    (tmp_path / "log").write_text("one\ntwo\n")
    first = OutputFile(tmp_path / "log")
    first.new_lines()
    (tmp_path / "log").write_text("one\ntwo\nthree\n")
    assert OutputFile(tmp_path / "log", position=first.position).new_lines() == ["three"]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=20), max_size=20), st.integers(1, 7))
def test_whatever_the_pieces_no_line_is_lost(tmp_path_factory, lines, step):
    text = "".join(f"{line}\n" for line in (line.replace("\n", " ").replace("\r", " ") for line in lines))
    path = tmp_path_factory.mktemp("log") / "log"
    data, output, read = text.encode(), OutputFile(path), []
    for end in range(0, len(data) + step, step):
        path.write_bytes(data[:end])
        read += output.new_lines()
    assert "".join(f"{line}\n" for line in read) == text


def test_a_batch_keeps_cloudwatchs_limits():
    lines = ["x" * 200_000] * 7 + ["y"] * 10_001 + ["", "ü" * 400_000]
    grouped = batches(lines)
    assert all(len(batch) <= 10_000 for batch in grouped)
    assert all(sum(len(line.encode()) + 26 for line in batch) <= 1_048_576 for batch in grouped)
    assert all(0 < len(line.encode()) <= 262_144 - 26 for batch in grouped for line in batch)
    assert "".join(line for batch in grouped for line in batch if line != " ") == "".join(lines)
    assert batches([]) == []
