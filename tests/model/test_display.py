"""What strangers wrote is shown as text, in a terminal and in a notebook."""

from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model.display import visible
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript

MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; --",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "\u2066\u2069",
    "</div></div>",
    "&lt;b&gt;",
    "a\rb",
    "\x9b31m",
]
TEXT = st.lists(st.one_of(st.sampled_from(ATTACKS), st.text(max_size=5)), max_size=3).map("".join)


def showing(text):
    session = Session(session_id=text, anchor_span_id="a", start_time=MOMENT, end_time=MOMENT, n_spans=1, n_traces=1)
    message = Message(
        role="assistant",
        content=text,
        name=text,
        agent=text,
        tool_calls=(ToolCall(id=text, name=text, arguments={text: text}),),
    )
    evaluations = (
        Evaluation(name="coherence", label=text, score=0.5, explanation=text),
        Evaluation(name="frustration", status="failed", reason=text, error=text),
    )
    return Transcript(session=session, messages=(message, Message(role="tool", content="")), evaluations=evaluations)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, tuple(name for name, _ in attrs)))


def tags(html):
    parser = Tags()
    parser.feed(html)
    return parser.seen


@given(TEXT)
def test_html_holds_no_tag_of_a_stranger(text):
    """A notebook runs what it shows; the structure must not depend on the content."""
    plain = "x" if text else ""
    assert tags(showing(text)._repr_html_()) == tags(showing(plain)._repr_html_())


@given(TEXT)
def test_text_holds_no_control_character(text):
    """Escape sequences rewrite the terminal, overrides reverse what is read."""
    shown = str(showing(text))
    allowed = {"\n", "\t"}
    assert not [char for char in shown if (ord(char) < 32 or 127 <= ord(char) < 160) and char not in allowed]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_text_and_html_show_messages_and_evaluations():
    """A glance must give who said what, and how it was judged."""
    session = Session(session_id="chat", anchor_span_id="a", start_time=MOMENT, end_time=MOMENT, n_spans=2, n_traces=1)
    made = Transcript(
        session=session,
        messages=(
            Message(role="user", content="Why?"),
            Message(role="tool", content="no", name="f", is_error=True),
        ),
        evaluations=(
            Evaluation(name="coherence", label="coherent", score=1.0, explanation="clear"),
            Evaluation(name="frustration", status="skipped", reason="not_idle"),
        ),
    )
    assert str(made).splitlines() == [
        "session chat",
        "2026-11-20T12:00:00Z to 2026-11-20T12:00:00Z, 1 traces, 2 spans, 2 messages",
        "",
        "[0] user:",
        "Why?",
        "",
        "[0] tool (failed) f:",
        "no",
        "",
        "coherence = coherent (1): clear",
        "frustration = skipped (not_idle)",
    ]
    html = made._repr_html_()
    assert all(text in html for text in ("Why?", "tool (failed) f", "coherent", "clear", "not_idle"))
    assert "<script" not in html


def test_visible_keeps_what_is_no_danger():
    """Other scripts and emoji are words; only what hides or reorders is written out."""
    assert visible("naïve 🦜 שלום\n\ttab") == "naïve 🦜 שלום\n\ttab"
    assert visible("a\x1bb\u202e") == "a\\x1bb\\u202e"
