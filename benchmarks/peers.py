"""One whole-process task on a store, so that its time and memory can be measured from outside.

Run `python -m benchmarks.peers TASK DIRECTORY [MEMORY]`; prints sessions or rows, and the peak of resident memory in MB.
"""

import resource
import sys
from pathlib import Path


def ours(store: str, memory: int) -> int:
    """Assemble all transcripts as tables."""
    from sessioneval.reader.listing import list_sessions
    from sessioneval.reader.transcripts import transcript_tables
    from sessioneval.store.store import Store

    return sum(table.num_rows for table in transcript_tables(list_sessions(Store(store)), memory_bytes=memory))


def objects(store: str, memory: int) -> int:
    """Assemble all transcripts as objects, in order."""
    from sessioneval.reader.listing import list_sessions
    from sessioneval.reader.transcripts import read_transcripts
    from sessioneval.store.store import Store

    return sum(1 for _ in read_transcripts(list_sessions(Store(store)), memory_bytes=memory))


def listing(store: str, _memory: int) -> int:
    """List the sessions."""
    from sessioneval.reader.listing import list_sessions
    from sessioneval.store.store import Store

    return len(list_sessions(Store(store)).sessions)


def cookbook(store: str, _memory: int) -> int:
    """Build sessions by pandas."""
    from benchmarks import cookbook as pandas_code

    pandas_code.main(store)
    return 0


def _leaves(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    names = pq.read_metadata(path).schema
    ours = (
        "context.",
        "parent_id",
        "start_time",
        "end_time",
        "span_kind",
        "status_code",
        "attributes.session",
        "attributes.user",
    )
    messages = tuple(f"attributes.llm.{side}_messages.list.element.message." for side in ("input", "output"))
    paths = [names.column(i).path for i in range(len(names))]
    return [
        path
        for path in paths
        if path.startswith(ours) or (path.endswith(("message.role", "message.content")) and path.startswith(messages))
    ]


def scan_text(store: str, _memory: int) -> int:
    """Read the same columns with pyarrow, as text."""
    import pyarrow.parquet as pq

    return sum(
        file.read_row_group(group, columns=_leaves(path)).num_rows
        for path in sorted(Path(store).glob("spans/*/*.parquet"))
        for file in [pq.ParquetFile(path)]
        for group in range(file.num_row_groups)
    )


def scan_codes(store: str, _memory: int) -> int:
    """Read the same columns with pyarrow, texts of messages as dictionary codes."""
    import pyarrow.parquet as pq

    rows = 0
    for path in sorted(Path(store).glob("spans/*/*.parquet")):
        leaves = _leaves(path)
        file = pq.ParquetFile(path, read_dictionary=[leaf for leaf in leaves if ".list." in leaf])
        rows += sum(file.read_row_group(group, columns=leaves).num_rows for group in range(file.num_row_groups))
    return rows


def scan_duckdb(store: str, _memory: int) -> int:
    """Read the same columns with DuckDB: the length of every text."""
    import duckdb

    query = """
        select count(*), sum(list_sum(list_transform("attributes.llm.input_messages", lambda m: strlen(m."message.content")))),
            sum(list_sum(list_transform("attributes.llm.output_messages", lambda m: strlen(m."message.content")))),
            max("context.trace_id"), max("context.span_id"), max(parent_id), max(start_time), max(end_time),
            max(span_kind), max(status_code), max("attributes.session.id"), max("attributes.user.id")
        from read_parquet(?)
    """
    found = (
        duckdb.connect()
        .execute("set threads=2")
        .execute(query, [f"{store}/spans/*/*.parquet"])
        .to_arrow_table()
        .column(0)[0]
        .as_py()
    )
    return int(found)


TASKS = {task.__name__: task for task in (ours, objects, listing, cookbook, scan_text, scan_codes, scan_duckdb)}


def main() -> None:
    """Run the task that the arguments name."""
    name, store, *memory = sys.argv[1:]
    found = TASKS[name](store, int(memory[0]) if memory else 512 << 20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    sys.stdout.write(f"{found} {peak:.0f}\n")


if __name__ == "__main__":
    main()
