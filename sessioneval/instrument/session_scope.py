"""`session()`: everything traced inside it belongs to one session."""

import logging
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from openinference.semconv.trace import SpanAttributes
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach, get_current, set_value
from opentelemetry.util.types import AttributeValue

from sessioneval.instrument.session_attributes import made_session_id, session_attributes
from sessioneval.instrument.session_decorator import Function, in_session
from sessioneval.instrument.session_keys import BAGGAGE_KEYS, SESSION_ID
from sessioneval.instrument.session_processor import equip
from sessioneval.instrument.throttled_log import ThrottledLog

COMPLETION_SPAN = "session.complete"
COMPLETION = ("session_status", "completed")

_log = ThrottledLog(logging.getLogger(__name__))


def session(
    session_id: str | None = None,
    *,
    user_id: str | None = None,
    source: str | None = None,
    agent_version: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    propagate: bool = False,
    completion: tuple[str, str] = COMPLETION,
    tracer_provider: trace.TracerProvider | None = None,
) -> "SessionScope":
    """Make a scope; every span started inside it belongs to one session.

    Works as ``with``, as ``async with`` and as a decorator of functions, coroutines and (async) generators. The
    session follows asyncio tasks and copied contexts; a bare thread starts with an empty context, as always
    with OTel (`contextvars.copy_context().run` or opentelemetry-instrumentation-threading carries it over).
    A session inside another one replaces what it names and inherits the rest. Do not hold it across a
    ``yield`` in a generator of your own: decorate the generator instead.

    It never raises: ids that are no strings become strings, an unusable id is replaced by a made one and other
    unusable values are left out, each with a warning.

    Args:
        session_id: Names the session; any text. None makes a random UUID: one for the returned scope, and a
            new one at each call of a decorated function.
        user_id: Who talks to the app, as ``user.id``.
        source: Where the session comes from, such as "web", as ``session.source``.
        agent_version: Version of the app or agent, to compare cohorts, as ``agent.version``.
        metadata: Anything else, kept as one JSON object in ``metadata``.
        tags: Labels, as ``tag.tags``.
        propagate: Also send ``session.id`` and ``user.id`` as W3C baggage to every service called inside, where
            a `SessionSpanProcessor` picks them up. Baggage travels in clear and to third parties too.
        completion: Attribute key and value that `SessionScope.complete` sets.
        tracer_provider: Where the completion span goes; by default the global provider.

    Example:
        >>> with session("chat-42", user_id="u-7") as chat:
        ...     chat.session_id
        'chat-42'
    """
    return SessionScope(
        attributes=session_attributes(
            session_id, user_id=user_id, source=source, agent_version=agent_version, metadata=metadata, tags=tags
        ),
        is_id_made=session_id is None,
        propagate=propagate,
        completion=completion,
        tracer_provider=tracer_provider,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SessionScope:
    """A session to run code in; made by `session()`.

    One scope may be entered any number of times, also at once by several tasks and threads.

    Attributes:
        attributes: What every span inside gets: attribute name -> value.
        is_id_made: Whether the app gave no id.
        propagate: Whether the ids also travel as W3C baggage.
        completion: Attribute key and value of the completion span.
        tracer_provider: Where the completion span goes; None is the global provider.
    """

    attributes: Mapping[str, AttributeValue]
    is_id_made: bool = False
    propagate: bool = False
    completion: tuple[str, str] = COMPLETION
    tracer_provider: trace.TracerProvider | None = None

    @property
    def session_id(self) -> str:
        """The id that the spans carry as ``session.id``."""
        return str(self.attributes[SESSION_ID])

    def complete(self, input: object = None, output: object = None) -> None:  # noqa: A002 - the field's words
        """Mark the session as ended, with a span ``session.complete`` that carries the completion attribute.

        It may be called inside or after the ``with``; evaluation then need not wait for inactivity.

        Args:
            input: Text to keep as ``input.value`` of the span, such as the user's last words.
            output: Text to keep as ``output.value``.
        """
        try:
            self._emit_completion(input, output)
        except Exception as error:  # noqa: BLE001 - a foreign provider may raise anything; the app must go on
            _log.warning("session %r not marked as complete: %r", self.session_id, error)

    def _emit_completion(self, input_value: object, output_value: object) -> None:
        key, value = self.completion
        attributes: dict[str, AttributeValue] = {**self.attributes, key: value}
        if input_value is not None:
            attributes[SpanAttributes.INPUT_VALUE] = str(input_value)
        if output_value is not None:
            attributes[SpanAttributes.OUTPUT_VALUE] = str(output_value)
        # Inside the session's own context, so that tracers which read it there agree with the attributes.
        with self:
            tracer = trace.get_tracer("sessioneval", tracer_provider=self.tracer_provider)
            tracer.start_span(COMPLETION_SPAN, attributes=attributes).end()

    def __enter__(self) -> Self:
        equip(self.tracer_provider)
        token = attach(self._context())
        _entries.set((*_entries.get(), (self, token)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entries = _entries.get()
        for index in reversed(range(len(entries))):
            scope, token = entries[index]
            if scope is self:
                _entries.set(entries[:index] + entries[index + 1 :])
                detach(token)
                return

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Function) -> Function:
        """Decorate `function`: each call is a session of its own if no id was given, else all are one."""
        return in_session(function, self._for_call)

    def _for_call(self) -> "SessionScope":
        if not self.is_id_made:
            return self
        return replace(self, attributes={**self.attributes, SESSION_ID: made_session_id()})

    def _context(self) -> Context:
        context = get_current()
        for key, value in self.attributes.items():
            context = set_value(key, value, context)
        for key in BAGGAGE_KEYS:
            if key in self.attributes:
                context = self._with_baggage(key, context)
        return context

    def _with_baggage(self, key: str, context: Context) -> Context:
        if self.propagate:
            return baggage.set_baggage(key, self.attributes[key], context)
        if baggage.get_baggage(key, context) in (None, self.attributes[key]):
            return context
        # An outer session's id would file the spans of the services called from here under that session.
        return baggage.remove_baggage(key, context)


# How often each scope was entered, per task and thread: a scope entered twice at once has two tokens, and one that is
# left in another context than it was entered in has none there, so that OTel has nothing to complain about.
_entries: ContextVar[tuple[tuple[SessionScope, Token[Context]], ...]] = ContextVar("sessioneval_entries", default=())
