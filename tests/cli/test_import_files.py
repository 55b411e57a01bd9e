"""`sessioneval import`."""

import json

from sessioneval.analysis.frames import spans_df


def counts(result):
    return json.loads(result.stdout)


def test_an_import_reports_what_it_did(run, write_spans, chat, tmp_path):
    """Each count by its name, for people and for programs."""
    source = write_spans(*chat("s", turns=3))
    text = run("import", source, "--store", tmp_path / "store")
    assert text.exit_code == 0
    assert [line.split() for line in text.stdout.splitlines()[2:]] == [
        ["read", "3"],
        ["new", "3"],
        ["duplicate", "0"],
        ["rejected", "0"],
    ]
    again = counts(run("import", source, "--store", tmp_path / "store", "--format", "json"))
    assert (again["read"], again["new"], again["duplicate"]) == (3, 0, 3)
    assert len(spans_df(tmp_path / "store")) == 3


def test_what_is_rejected_is_shown_by_reason(run, write_spans, chat, tmp_path):
    """A span without an id and a torn last line cost nothing else, and are not hidden."""
    bad = {**chat("s", 1)[0], "spanId": ""}
    source = write_spans(*chat("s"), bad)
    with source.open("a") as file:
        file.write('{"resourceSpans": [')
    result = run("import", source, "--store", tmp_path / "store")
    report = counts(run("import", source, "--store", tmp_path / "store", "--format", "json"))
    assert (result.exit_code, report["duplicate"], report["rejected"]) == (0, 2, 2)
    assert sum(report["rejected_by_reason"].values()) == 2
    assert all(f"  {reason} " in result.stdout for reason in report["rejected_by_reason"])


def test_files_that_cannot_be_read_are_named_and_the_others_go_on(run, write_spans, chat, tmp_path):
    """Exit code 0: something was imported."""
    wrong = tmp_path / "wrong.parquet"
    wrong.write_bytes(b"PAR1 no spans here PAR1")
    result = run("import", tmp_path / "missing.jsonl", wrong, write_spans(*chat("s")), "--store", tmp_path / "store")
    assert result.exit_code == 0
    assert [line[:7] for line in result.stderr.splitlines()] == ["error: "] * 2
    assert "missing.jsonl" in result.stderr
    assert "wrong.parquet" in result.stderr
    assert len(spans_df(tmp_path / "store")) == 2


def test_an_import_of_nothing_readable_fails(run, tmp_path):
    """Exit code 1, so that a script stops."""
    result = run("import", tmp_path / "missing.jsonl", "--store", tmp_path / "store")
    assert result.exit_code == 1
    assert "missing.jsonl" in result.stderr


def test_a_directory_of_nothing_readable_fails_and_names_its_files(run, write_spans, chat, tmp_path):
    """With one good file among them it does not."""
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "wrong.parquet").write_bytes(b"PAR1 no spans here PAR1")
    result = run("import", folder, "--store", tmp_path / "store")
    assert (result.exit_code, "wrong.parquet" in result.stderr) == (1, True)
    write_spans(*chat("s")).rename(folder / "good.jsonl")
    result = run("import", folder, "--store", tmp_path / "store")
    assert (result.exit_code, "wrong.parquet" in result.stderr) == (0, True)


def test_a_store_that_cannot_be_written_is_one_line(run, write_spans, chat, tmp_path):
    """Here a file stands where the directory should be."""
    (tmp_path / "store").write_text("")
    result = run("import", write_spans(*chat("s")), "--store", tmp_path / "store")
    assert (result.exit_code, result.stderr.startswith("error: ")) == (1, True)
    assert len(result.stderr.splitlines()) == 1


def test_rows_for_programs_name_every_reason(run, write_spans, chat, tmp_path):
    """CSV has one row a count."""
    source = write_spans(*chat("s"), {**chat("s", 1)[0], "traceId": "12"})
    lines = run("import", source, "--store", tmp_path / "s", "--format", "csv").stdout.splitlines()
    assert lines[:4] == ["outcome,reason,spans", "read,,3", "new,,2", "duplicate,,0"]
    assert [line.split(",")[0] for line in lines[4:]] == ["rejected"]
