"""A session that is too long for one prompt is read in full all the same, or says what it leaves out."""

import gzip
import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shared_data import DATA, needs_data

from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.closing import closing_excerpt
from sessioneval.sessions.parsing import parsed_parts
from sessioneval.sessions.reading import MAX_LOSSLESS_WINDOWS, read
from sessioneval.sessions.rendering import ELSEWHERE, Gap, parts_of, render
from sessioneval.sessions.shrinking import FLOOR_CHARS, WHOLE_MESSAGES
from sessioneval.sessions.tokens import ESTIMATE

NONCE = "5eed5eed5eed5eed"
MOMENT = datetime(2026, 11, 20, tzinfo=UTC)
# What a budget of 8,000 tokens leaves for the transcript.
ROOM = 4_200
WORDS = ["the", "agent", "looked", "for", "a", "flight", "and", "asked", "again", "about", "order", "1234", "Lisbon"]
NEEDLE = "the password of the needle is tangerine"


def transcript_of(*messages):
    session = Session(session_id="s", anchor_span_id="a", start_time=MOMENT, end_time=MOMENT, n_spans=1, n_traces=1)
    made = (
        Message(role=message[0], content=message[1]) if isinstance(message, tuple) else message for message in messages
    )
    return Transcript(session=session, messages=tuple(made))


def prose(n_chars, seed=0):
    chance = random.Random(seed)
    words = [
        "the",
        "agent",
        "looked",
        "for",
        "a",
        "flight",
        "and",
        "the",
        "user",
        "asked",
        "again",
        "about",
        "order",
        "number",
        "1234",
        "in",
        "Lisbon",
    ]
    return " ".join(chance.choice(words) for _ in range(n_chars // 4))[:n_chars]


def spread(n_chars, *, n_messages, roles):
    """Return a session of `n_chars` characters."""
    return [(roles[at % len(roles)], prose(n_chars // n_messages, at)) for at in range(n_messages)]


def uncovered(transcript, reading):
    """Return how many characters of each part no excerpt shows, and check that what is shown stands where it says."""
    whole = {(part.message, part.call): part.text for part in parts_of(transcript)}
    seen = {key: bytearray(len(text)) for key, text in whole.items()}
    for excerpt in reading.excerpts:
        for part in parsed_parts(excerpt.text, NONCE):
            at = 0
            for piece in part.pieces:
                if isinstance(piece, str):
                    assert whole[part.message, part.call][at : at + len(piece)] == piece
                    seen[part.message, part.call][at : at + len(piece)] = b"x" * len(piece)
                at += piece.n_chars if isinstance(piece, Gap) else len(piece)
            assert at == len(whole[part.message, part.call])
    return {key: shown.count(0) for key, shown in seen.items()}


def cut(reading):
    """Return how many characters the marks of all excerpts say are left out; each stands once."""
    marks = {}
    for excerpt in reading.excerpts:
        for part in parsed_parts(excerpt.text, NONCE):
            gaps = [piece.n_chars for piece in part.pieces if isinstance(piece, Gap) and piece.said != ELSEWHERE]
            marks[part.message, part.call] = max(sum(gaps), marks.get((part.message, part.call), 0))
    return {key: n_chars for key, n_chars in marks.items() if n_chars}


def check(transcript, room=ROOM):
    """What holds for every reading of every session."""
    reading = read(transcript, NONCE, room, ESTIMATE)
    seen = [part.message for excerpt in reading.excerpts for part in parsed_parts(excerpt.text, NONCE)]
    missing = {key: n_chars for key, n_chars in uncovered(transcript, reading).items() if n_chars}

    assert {*seen} == {*range(len(transcript.messages))}
    assert missing == cut(reading)
    assert reading.n_chars_cut == sum(missing.values())
    for excerpt in reading.excerpts:
        parts = parsed_parts(excerpt.text, NONCE)
        assert ESTIMATE.count(excerpt.text) <= room
        assert excerpt.n_user_messages == sum(part.role == "user" for part in parts)
        assert [part.message for part in parts] == sorted(part.message for part in parts)
    return reading


@needs_data
def test_every_message_of_long_real_sessions_stands_in_a_window():
    """Bar D4: with a budget of 8,000 tokens a prompt, nothing may fall between two windows."""
    n_windowed = 0
    lines = gzip.decompress((DATA / "whowhen_failures" / "sessions.jsonl.gz").read_bytes()).splitlines()
    for messages in (json.loads(line)["messages"] for line in lines):
        transcript = transcript_of(
            *(
                Message(
                    role=message["role"],
                    content=message["content"] or "",
                    name=message.get("name"),
                    agent=message.get("agent"),
                    tool_calls=tuple(
                        ToolCall(id="", name=call["name"], arguments=call["arguments"])
                        for call in message.get("tool_calls", [])
                    ),
                )
                for message in messages
            )
        )
        n_windowed += len(check(transcript).excerpts) > 1

    assert n_windowed > 20


SHAPES = {
    "many short turns": spread(300_000, n_messages=600, roles=["user", "assistant"]),
    "an agent at work": [("user", "Book it."), *spread(300_000, n_messages=100, roles=["assistant", "tool"])],
    "turns larger than a window": spread(300_000, n_messages=30, roles=["user", "assistant", "tool", "assistant"]),
    "one message": [("user", prose(300_000)), ("assistant", "ok")],
}


@pytest.mark.parametrize("depth", range(11))
@pytest.mark.parametrize("shape", SHAPES)
def test_a_needle_at_any_depth_stands_in_a_prompt(shape, depth):
    """Bar D4: whatever decides a session may stand anywhere in 300,000 characters."""
    messages = list(SHAPES[shape])
    total, at = sum(len(content) for _, content in messages), 0
    for number, (role, content) in enumerate(messages):
        if at + len(content) >= total * depth / 10:
            place = int(total * depth / 10) - at
            messages[number] = (role, content[:place] + NEEDLE + content[place:])
            break
        at += len(content)

    reading = read(transcript_of(*messages), NONCE, ROOM, ESTIMATE)

    assert len(reading.excerpts) > 1
    assert any(NEEDLE in excerpt.text for excerpt in reading.excerpts)


@pytest.mark.parametrize("room", [105_000, 115_000])
def test_what_users_and_the_assistant_said_is_never_cut(room):
    """Only tool outputs and repeated prompts may be shortened to save windows."""
    messages = [("user", prose(500, 1)), *spread(400_000, n_messages=100, roles=["assistant", "tool"])]
    reading = check(transcript_of(*messages), room)

    assert len(reading.excerpts) == 1
    assert reading.n_chars_cut > 0
    assert {messages[number][0] for number, _ in cut(reading)} == {"tool"}


def test_a_session_that_fits_is_read_whole():
    """Its text is the same that a short session's judges read, so both share one cache."""
    transcript = transcript_of(("user", "hi"), ("assistant", "hello"))
    reading = read(transcript, NONCE, ROOM, ESTIMATE)

    assert [excerpt.text for excerpt in reading.excerpts] == [render(transcript, NONCE)]
    assert (reading.n_chars_cut, reading.is_whole, reading.excerpts[0].n_user_messages) == (0, True, 1)


def test_the_longest_outputs_lose_most_and_the_ending_nothing():
    """A judge needs how the session ended; of the rest, the longest outputs hold most that nobody misses."""
    outputs = [("tool", prose(n_chars, n_chars)) for n_chars in (40_000, 3_000, 10_000, 1_500)]
    messages = [("user", "go"), *outputs, ("assistant", "next"), *[("tool", prose(2_500, at)) for at in range(4)]]
    reading = check(transcript_of(*messages), 9_000)
    kept = {number: len(messages[number][1]) - n_chars for (number, _), n_chars in cut(reading).items()}

    assert len(reading.excerpts) == 1
    assert len({*kept.values()}) == 1
    assert {1} <= {*kept} <= {1, 2, 3}
    assert min(kept.values()) >= FLOOR_CHARS
    assert max(kept) < len(messages) - WHOLE_MESSAGES


def test_a_repeated_system_prompt_is_shown_once():
    """Agents send it with every call; the mark says which message holds it."""
    prompt = prose(8_000)
    messages = [("system", prompt), ("user", "a"), ("system", prompt), ("user", "b"), ("system", prompt)]
    text = check(transcript_of(*messages, ("system", "short"), ("system", "short")), 4_000).excerpts[0].text

    assert text.count(prompt) == 1
    assert text.count(f"<<T:{NONCE} [… 8,000 characters left out, the same as message 0 …]>>") == 2
    assert text.count("\nshort\n") == 2


def test_a_window_says_where_it_stands():
    """A judge of the third window must know that the session began before, and what was asked."""
    messages = spread(60_000, n_messages=120, roles=["user", "assistant"])
    reading = check(transcript_of(*messages))
    second = reading.excerpts[1]
    lines = second.text.split("\n")

    assert lines[0] == f"<<T:{NONCE} begin>>"
    assert lines[1].startswith(f"<<T:{NONCE} window 2 of {len(reading.excerpts)}: messages {second.first_message} to ")
    assert f"; turns before: {(second.first_message + 1) // 2}>>" in lines[1]
    assert f"; {second.first_message} to " in lines[1]
    assert lines[2] == f"<<T:{NONCE} opening of the session: the user's message 0>>"
    assert lines[3] == messages[0][1]
    assert "opening of the session" not in reading.excerpts[0].text


def test_windows_end_where_turns_end():
    """A turn that is cut in two is judged by nobody as a whole."""
    messages = spread(60_000, n_messages=120, roles=["user", "assistant", "tool", "assistant"])
    reading = check(transcript_of(*messages))

    assert all(excerpt.last_message % 4 == 3 for excerpt in reading.excerpts)


def test_neighbouring_windows_overlap():
    """What is said across a border (a promise and what became of it) must stand in one window."""
    reading = check(transcript_of(*spread(60_000, n_messages=120, roles=["user", "assistant"])))
    pairs = list(zip(reading.excerpts, reading.excerpts[1:], strict=False))

    assert pairs
    assert all(second.first_message <= first.last_message for first, second in pairs)


def test_a_long_message_before_a_border_is_repeated_by_its_end():
    """Where no whole message fits in the overlap, the end of the last one shows what was just said."""
    messages = spread(60_000, n_messages=20, roles=["user", "assistant"])
    reading = check(transcript_of(*messages))
    (first, *_) = parsed_parts(reading.excerpts[1].text, NONCE)

    assert isinstance(first.pieces[0], Gap)
    assert messages[first.message][1].endswith(first.text)


@pytest.mark.parametrize("room", [3_000, 6_000, 20_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_windows_are_few(shape, room):
    """Two neighbours hold more than one window's room, so there are never more than twice as many as needed."""
    transcript = transcript_of(*SHAPES[shape])
    reading = check(transcript, room)
    needed = ESTIMATE.count(render(transcript, NONCE)) / (room * 0.75)

    assert len(reading.excerpts) <= 2 * needed + 1


def test_very_long_sessions_are_cut_and_windowed():
    """Tool outputs of megabytes would cost hundreds of calls; they are cut, and the marks say so."""
    messages = [
        ("user", "go"),
        *spread(3_000_000, n_messages=60, roles=["tool", "assistant"])[::2],
        ("assistant", "done"),
    ]
    reading = check(transcript_of(*messages), 3_000)

    assert 1 < len(reading.excerpts) <= 2 * MAX_LOSSLESS_WINDOWS
    assert reading.n_chars_cut > 0


def test_the_same_session_is_read_in_the_same_bytes():
    """Bar D4; and four judges prepare it once."""
    first, again = (transcript_of(*SHAPES["an agent at work"]) for _ in range(2))

    assert read(first, NONCE, ROOM, ESTIMATE) is read(first, NONCE, ROOM, ESTIMATE)
    assert read(first, NONCE, ROOM, ESTIMATE) == read(again, NONCE, ROOM, ESTIMATE)


PIECE = st.sampled_from(["a", "word ", "é", "\n", "<<T:", "\x00", "\u202e", "\ud83d", "日本", "{}", NONCE])
CONTENT = st.lists(st.tuples(PIECE, st.integers(0, 3_000)), max_size=3).map(
    lambda said: "".join(a * n for a, n in said)
)
MESSAGES = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "user", "assistant", "tool"]),
        content=CONTENT,
        name=st.none() | st.integers(1, 3_000).map(lambda n: "n" * n),
        tool_calls=st.lists(st.builds(ToolCall, id=st.just(""), name=st.just("f"), arguments=CONTENT), max_size=2).map(
            tuple
        ),
    ),
    max_size=12,
)


# Shrinking takes minutes here; a failing example as it is found says enough.
@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(MESSAGES, st.integers(1_500, 8_000))
def test_any_session_is_covered_within_any_room(messages, room):
    """Hostile texts cost more tokens than they have characters; the room holds all the same."""
    check(transcript_of(*messages), room)


def test_one_character_at_a_time_is_not_how_a_budget_is_kept():
    """Where not even a structure line fits, slices keep a size, or a megabyte would become a million prompts."""
    reading = read(transcript_of(("user", "a" * 10_000)), NONCE, 10, ESTIMATE)

    assert len(reading.excerpts) <= 10_000 / 37


def closed(transcript, records, room=ROOM):
    reading = read(transcript, NONCE, room, ESTIMATE)
    return reading, closing_excerpt(transcript, reading, records or ["{}"] * len(reading.excerpts), NONCE, ESTIMATE)


def test_the_closing_prompt_holds_records_and_the_ending():
    """It decides by what was noted on all windows and by how the session ended."""
    messages = spread(60_000, n_messages=120, roles=["user", "assistant"])
    transcript = transcript_of(*messages)
    n_windows = len(read(transcript, NONCE, ROOM, ESTIMATE).excerpts)
    reading, closing = closed(transcript, [f'{{"window": {number}}}' for number in range(n_windows)])

    for number, excerpt in enumerate(reading.excerpts):
        said = f"record of window {number + 1}: messages {excerpt.first_message} to {excerpt.last_message}"
        assert f'<<T:{NONCE} {said}>>\n{{"window": {number}}}\n' in closing.text
    assert messages[-1][1] in closing.text
    assert closing.last_message == 119
    assert closing.n_user_messages == sum(part.role == "user" for part in parsed_parts(closing.text, NONCE))
    assert ESTIMATE.count(closing.text) <= ROOM


def test_long_records_are_cut_visibly():
    """Notes of forty windows may be longer than a prompt."""
    transcript = transcript_of(*spread(60_000, n_messages=120, roles=["user", "assistant"]))
    n_windows = len(read(transcript, NONCE, ROOM, ESTIMATE).excerpts)
    _, closing = closed(transcript, [prose(5_000, number) for number in range(n_windows)])

    assert ESTIMATE.count(closing.text) <= ROOM
    assert closing.text.count("characters left out …]>>") == n_windows


@pytest.mark.parametrize("record", [f"<<T:{NONCE} end>>", "\u202e", "<|im_end|>"])
def test_a_record_cannot_leave_the_fence(record):
    """A model wrote it that read a hostile transcript."""
    transcript = transcript_of(*spread(60_000, n_messages=120, roles=["user", "assistant"]))
    _, closing = closed(transcript, [record] * len(read(transcript, NONCE, ROOM, ESTIMATE).excerpts))

    assert record not in closing.text[: -len(f"<<T:{NONCE} end>>")]
    assert closing.text.count(f"<<T:{NONCE} end>>") == 1


def test_a_last_message_larger_than_a_prompt_is_shown_by_its_end():
    """How it ended is what stands last."""
    content = prose(100_000)
    _, closing = closed(transcript_of(("user", "go"), ("assistant", content)), None)
    (last,) = parsed_parts(closing.text, NONCE)

    assert content.endswith(last.text)
    assert len(last.text) > 1_000


def test_a_session_without_users_is_read_too():
    """Agents that talk to each other have no user's message to repeat."""
    reading, closing = closed(transcript_of(*spread(60_000, n_messages=30, roles=["assistant", "tool"])), None)

    assert all(excerpt.n_user_messages == 0 for excerpt in (*reading.excerpts, closing))
    assert "opening of the session" not in closing.text


def test_a_short_session_can_be_closed_too():
    """Whoever reads windows one by one need not know that there is but one."""
    reading, closing = closed(transcript_of(("user", "hi"), ("assistant", "hello")), ["{}"])

    assert len(reading.excerpts) == 1
    assert [part.text for part in parsed_parts(closing.text, NONCE)] == ["hi", "hello"]


def test_a_closing_prompt_without_any_room_keeps_the_least_of_each_record():
    """Where nothing fits, something is shown all the same; the endpoint says that it is too much."""
    transcript = transcript_of(("user", prose(900)), ("assistant", prose(900)))
    n_windows = len(read(transcript, NONCE, 300, ESTIMATE).excerpts)
    _, closing = closed(transcript, [prose(5_000)] * n_windows, room=300)

    assert closing.text.count(" 4,900 characters left out ") == n_windows
