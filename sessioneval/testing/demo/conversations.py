"""The demo's conversations: which there are, and how each is had."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from sessioneval.errors import MissingExtra
from sessioneval.instrument.exporter import ExportCounts
from sessioneval.instrument.registration import exporter_of, register
from sessioneval.testing.controlled_sessions import CONTROLLED_SESSIONS
from sessioneval.testing.demo import controlled, support_app, tutor_app
from sessioneval.testing.demo.chat_model import ChatModel

try:
    from openinference.instrumentation.openai import OpenAIInstrumentor
except ImportError as error:
    message = "the demo needs openinference-instrumentation-openai; install it with: pip install 'sessioneval[demo]'"
    raise MissingExtra(message) from error

_RUN_CHARACTERS = 6


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One session of the demo.

    Attributes:
        name: What the tables call it.
        session_id: Its id; new in each run, so that running the demo twice continues no old session.
        have: Holds the conversation, traced by the provider it is given.
        expected: Evaluator name to label; empty where nothing was written down beforehand.
    """

    name: str
    session_id: str
    have: Callable[[TracerProvider], None]
    expected: dict[str, str]


def conversations(model: ChatModel) -> list[Conversation]:
    """Return the conversations of one run: three lessons, two enquiries, four controlled sessions."""
    run = uuid.uuid4().hex[:_RUN_CHARACTERS]
    return [*_lessons(model, run), *_enquiries(model, run), *_controlled(run)]


def trace(store: Path, planned: Iterable[Conversation], on_end: Callable[[Conversation], object]) -> ExportCounts:
    """Have the conversations one after the other; afterwards their spans are in files of the store.

    Nothing stays instrumented, and the process has no other global tracer provider than before.

    Args:
        store: Directory to write to.
        planned: The conversations.
        on_end: Called after each.

    Raises:
        JudgeUnavailable: The endpoint gave no answer.
    """
    provider = register(store, service_name="sessioneval-demo", set_global=False)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    try:
        for conversation in planned:
            conversation.have(provider)
            on_end(conversation)
        provider.force_flush()
        return exporter_of(provider).counts
    finally:
        OpenAIInstrumentor().uninstrument()
        provider.shutdown()


def _lessons(model: ChatModel, run: str) -> Iterator[Conversation]:
    for tutorial in tutor_app.TUTORIALS:
        session_id = f"tutor-{tutorial.topic.replace(' ', '-').lower()}-{run}"
        yield Conversation(
            name=tutorial.topic,
            session_id=session_id,
            have=partial(tutor_app.teach, model, tutorial, session_id),
            expected={},
        )


def _enquiries(model: ChatModel, run: str) -> Iterator[Conversation]:
    for enquiry in support_app.ENQUIRIES:
        session_id = f"support-{enquiry.name.replace(' ', '-')}-{run}"
        yield Conversation(
            name=enquiry.name,
            session_id=session_id,
            have=partial(support_app.serve, model, enquiry, session_id),
            expected={},
        )


def _controlled(run: str) -> Iterator[Conversation]:
    for written in CONTROLLED_SESSIONS:
        session_id = f"{written.session_id}-{run}"
        yield Conversation(
            name=controlled.case_name(written),
            session_id=session_id,
            have=partial(controlled.replay, written, session_id),
            expected=dict(written.expected),
        )
