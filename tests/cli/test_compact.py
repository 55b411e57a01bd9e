"""`sessioneval compact`."""

import json


def test_a_compacted_store_reads_the_same(run, store, write_spans, chat):
    """Fewer files, the same transcripts; the counts are told."""
    run("import", write_spans(*chat("late", 4), name="late.jsonl"), "--store", store)
    before = run("transcripts", store).stdout
    done = json.loads(run("compact", store, "--format", "json").stdout)
    assert (done["files_before"], done["files_after"]) == (2, 1)
    assert run("transcripts", store).stdout == before
    assert run("compact", store).stdout.startswith("1 files (")
