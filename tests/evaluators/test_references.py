"""Tables of references: read from files, joined by session id, part of the fingerprint."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.references import References

ROWS = [
    {"session_id": "a", "user_goal": "a refund, \u2028 please", "expected": [{"name": "refund"}]},
    {"session_id": "b", "user_goal": "", "expected": None},
    {"session_id": "c\udcff", "user_goal": "x" * 200_000, "expected": {}},
]


def write_csv(path):
    path.write_text('\ufeffsession_id,user_goal,expected\na,"a ""refund""\nplease",007\nb,,NA\n', encoding="utf-8")
    return path


def test_a_csv_is_text_as_it_stands(tmp_path):
    """No number is rounded, no 'NA' vanishes, a byte order mark is no part of a name."""
    table = References.of(write_csv(tmp_path / "goals.csv"))
    assert table.of_session("a") == {"user_goal": 'a "refund"\nplease', "expected": "007"}
    assert table.of_session("b") == {"expected": "NA"}
    assert table.names == ("expected", "user_goal")


def test_json_lines_may_hold_whatever_json_holds(tmp_path):
    """What is no text is shown as JSON; what is empty or null is not there."""
    path = tmp_path / "goals.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=True) for row in ROWS) + "\n\n")
    table = References.of(str(path))
    assert table.of_session("a") == {"user_goal": "a refund, \u2028 please", "expected": '[{"name": "refund"}]'}
    assert table.of_session("b") == {}
    assert table.of_session("c\udcff")["user_goal"] == "x" * 200_000
    assert table.of_session("a", ["expected", "nothing"]) == {"expected": '[{"name": "refund"}]'}
    assert table.of_session("unknown") == {}


def test_parquet_is_read_like_json_lines(tmp_path):
    """Whoever keeps truth beside the spans keeps it in Parquet."""
    path = tmp_path / "goals.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS[:2]), path)
    assert References.of(path).of_session("a")["expected"] == '[{"name": "refund"}]'


def test_a_mapping_is_a_table(tmp_path):
    """In a notebook the truth is often a dict."""
    assert References.of({"a": "refund", "b": {"goal": "exchange"}}).rows == {
        "a": {"reference": "refund"},
        "b": {"goal": "exchange"},
    }
    table = References.of(write_csv(tmp_path / "goals.csv"))
    assert References.of(table) is table


def test_the_digest_is_the_contents(tmp_path):
    """Another truth is another instrument; another order or file format is not."""
    lines = tmp_path / "goals.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in reversed(ROWS[:2])))
    parquet = tmp_path / "goals.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS[:2]), parquet)
    assert References.of(lines).digest == References.of(parquet).digest
    assert References.of({"a": "x"}).digest != References.of({"a": "y"}).digest


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("goals.xlsx", b"", "its name ends in '.xlsx'; allowed: .csv, .jsonl, .ndjson, .parquet"),
        ("goals.csv", b"id,goal\na,b\n", "row 1 has the session_id None"),
        ("goals.csv", b"session_id,goal\n,b\n", "row 1 has the session_id ''"),
        ("goals.csv", b"session_id,goal\na,b\na,c\n", "session 'a' stands in it twice"),
        ("goals.csv", b"", "is not what its name says"),
        ("goals.jsonl", b'{"session_id": 7}', "row 1 has the session_id 7"),
        ("goals.jsonl", b"[1]", "line 1 is [1]; each line must be a JSON object"),
        ("goals.jsonl", b"{", "is not what its name says"),
        ("goals.jsonl", b"\xff", "is not what its name says"),
        ("goals.parquet", b"PAR1", "is not what its name says"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, name, content, expected):
    """Judging without the truth that was meant would cost a whole run."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        References.of(path)
    assert expected in str(error.value)
    assert name in str(error.value)


def test_a_missing_file_and_a_directory_are_input_errors(tmp_path):
    """As everywhere on the command line."""
    with pytest.raises(InputError, match="no such file"):
        References.of(tmp_path / "missing.csv")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        References.of(tmp_path / "folder.jsonl")
    with pytest.raises(InputError, match="session id 7 of a reference is no text"):
        References.of({7: "x"})
