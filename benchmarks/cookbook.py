"""Session transcripts by pandas, row by row, as the session-evaluation cookbook of Arize builds them.

Written anew from its published text, to have something to compare with: sort by time, group by session, take the
last user message of each span and its answers.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd


def _messages(cell: Any) -> list[dict[str, Any]]:
    return [] if cell is None or isinstance(cell, float) else list(cell)


def _text(message: dict[str, Any]) -> str:
    if content := message.get("message.content"):
        return str(content)
    parts = _messages(message.get("message.contents"))
    return "".join(part.get("message_content.text") or "" for part in parts)


def _lines(spans: pd.DataFrame) -> list[str]:
    lines = []
    for _, span in spans.iterrows():
        asked = [_text(m) for m in _messages(span["attributes.llm.input_messages"]) if m.get("message.role") == "user"]
        if asked and asked[-1]:
            lines.append(f"user: {asked[-1]}")
        said = (_text(m) for m in _messages(span["attributes.llm.output_messages"]))
        lines += [f"assistant: {text}" for text in said if text]
    return lines


def prepare_sessions(spans: pd.DataFrame) -> pd.DataFrame:
    """Return one row a session: its text, number of traces, and first span."""
    in_sessions = spans[spans["attributes.session.id"].notna()]
    return pd.DataFrame(
        {
            "session_id": session_id,
            "messages": "\n\n".join(_lines(group)),
            "trace_count": group["context.trace_id"].nunique(),
            "span_id": group["context.span_id"].iloc[0],
        }
        for session_id, group in in_sessions.sort_values("start_time").groupby("attributes.session.id")
    )


def main(store: str) -> None:
    """Build the sessions of a store from whole frames, as exports are; a file at a time, or memory would not do."""
    n_sessions = n_characters = 0
    for path in sorted(Path(store).glob("spans/*/*.parquet")):
        made = prepare_sessions(pd.read_parquet(path))
        n_sessions += len(made)
        n_characters += int(made["messages"].str.len().sum())
    sys.stdout.write(f"{n_sessions} sessions, {n_characters} characters\n")


if __name__ == "__main__":
    main(sys.argv[1])
