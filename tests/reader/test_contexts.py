"""Transcripts with their contexts: each its own, in bounded pieces, whatever happens to files."""

import pytest
from shared_data import RECORDINGS, needs_recordings
from span_factory import llm, span_id, table, turns, user

from sessioneval.evaluators.tool_schemas import checked_calls
from sessioneval.model.context import SessionContext
from sessioneval.reader import contexts
from sessioneval.reader.contexts import with_context
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.store.store import Store


def stored(path, n_sessions=5, n_turns=3):
    store = Store(path)
    for number in range(n_sessions):
        store.append_spans(table(*turns(n_turns, session=f"s{number}", first=100 * number)))
    return store


def test_each_transcript_gets_the_context_of_its_session(tmp_path, monkeypatch):
    """Chunks are smaller than the store, and transcripts may come in any order."""
    monkeypatch.setattr(contexts, "_SPANS_AT_ONCE", 7)
    listing = list_sessions(stored(tmp_path))
    backwards = list(read_transcripts(listing))[::-1]
    made = list(with_context(listing, None, iter(backwards)))
    assert [each.session_id for each in made] == [each.session_id for each in backwards]
    for number, each in enumerate(reversed(made)):
        first = 100 * number
        assert [call.span_id for call in each.context.model_calls] == [span_id(first + n) for n in (2, 4, 6)]
        assert len(each.context.times) == 6
        assert each.messages == backwards[4 - number].messages


def test_some_sessions_of_a_listing(tmp_path):
    """A run asks for those that are due."""
    listing = list_sessions(stored(tmp_path))
    chosen = [listing.sessions[3], listing.sessions[1]]
    made = list(with_context(listing, chosen, read_transcripts(listing, chosen)))
    assert {each.session_id: len(each.context.model_calls) for each in made} == {"s1": 3, "s3": 3}


def test_contexts_come_chunk_by_chunk(tmp_path, monkeypatch):
    """Memory is bounded by the chunk: the second one is not read before it is asked for."""
    monkeypatch.setattr(contexts, "_TRANSCRIPTS_AT_ONCE", 2)
    listing = list_sessions(stored(tmp_path))
    taken = []
    made = with_context(listing, None, (taken.append(each) or each for each in read_transcripts(listing)))
    next(made)
    assert len(taken) == 2


def test_a_session_that_is_not_listed_has_an_empty_context(tmp_path):
    """Whoever mixes two stores gets no other session's tools."""
    other = list_sessions(stored(tmp_path / "other", n_sessions=1))
    store = Store(tmp_path / "mine")
    store.append_spans(table(llm(1, [user("hi")], session="mine")))
    (made,) = with_context(list_sessions(store), None, read_transcripts(other))
    assert (made.session_id, made.context) == ("s0", SessionContext())


def test_files_that_moved_since_the_listing_are_found(tmp_path):
    """A compaction may run between listing and reading."""
    store = stored(tmp_path, n_sessions=1)
    listing = list_sessions(store)
    transcripts = list(read_transcripts(listing))
    (path,) = tmp_path.glob("spans/*/*.parquet")
    path.rename(path.with_name("moved.parquet"))
    (made,) = with_context(listing, None, iter(transcripts))
    assert len(made.context.model_calls) == 3


def test_nothing_comes_of_nothing(tmp_path):
    """An empty store is no error."""
    listing = list_sessions(Store(tmp_path))
    assert list(with_context(listing, None, read_transcripts(listing))) == []


def test_a_context_that_cannot_be_read_is_empty_and_said(tmp_path, monkeypatch, caplog):
    """One session must not cost the others theirs."""
    real = contexts.context_of

    def failing(spans):
        if spans.column("context.span_id")[0].as_py() < span_id(100):
            raise RuntimeError("broken")
        return real(spans)

    monkeypatch.setattr(contexts, "context_of", failing)
    listing = list_sessions(stored(tmp_path, n_sessions=2))
    made = {each.session_id: each.context for each in with_context(listing, None, read_transcripts(listing))}
    assert made["s0"] == SessionContext()
    assert len(made["s1"].model_calls) == 3
    assert "please report this" in caplog.text


@needs_recordings
@pytest.mark.parametrize(
    ("name", "n_spans"),
    [
        ("oi_openai__support_tools", 8),
        ("oi_anthropic__support_tools", 16),
        ("oi_langgraph_plus_openai__support_tools", 16),
        ("otel_genai_openai_both__support_tools", 16),  # the log file beside it is read too
        ("vercel_ai_v6__support_tools", 8),
    ],
)
def test_real_instrumentors_count_each_call_once(tmp_path, name, n_spans):
    """The same 8 model calls with the same 3 tools, whoever recorded them and however often."""
    store = Store(tmp_path)
    import_files([RECORDINGS / f"{name}.jsonl"], store)
    listing = list_sessions(store)
    (made,) = with_context(listing, None, read_transcripts(listing))
    context = made.context
    assert (len(context.model_calls), len(context.distinct_calls)) == (n_spans, 8)
    assert [tool.name for tool in context.tools] == ["lookup_order", "shipping_estimate", "issue_refund"]
    assert all(tool.parameters["required"][0] == "order_id" for tool in context.tools)


@needs_recordings
@pytest.mark.parametrize(
    "name",
    [
        "oi_openai__support_tools",
        "oi_openai_responses__support_tools",
        "oi_anthropic__support_tools",
        "oi_openai_agents__support_tools",
        "agent_framework_baggage__support_tools",
        "google_adk_content__support_tools",
        "openllmetry_openai_old__support_tools",
        "otel_genai_langgraph__support_tools",
        "pydantic_ai_v5__support_tools",
        "vercel_ai_v5__support_tools",
        "langfuse__support_tools",
    ],
)
def test_calls_of_real_frameworks_keep_their_schemas(tmp_path, name):
    """The scripted model called its tools rightly, so whoever finds a violation has misread the spans."""
    store = Store(tmp_path)
    import_files([RECORDINGS / f"{name}.jsonl"], store)
    listing = list_sessions(store)
    (made,) = with_context(listing, None, read_transcripts(listing))
    calls = checked_calls(made)
    assert len(calls) == 4
    assert {call.why_unchecked for call in calls} == {None}
    assert [call.violations for call in calls if call.violations] == []
