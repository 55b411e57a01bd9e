"""From the body of a request to the body of its answer; time, counts and connections are others' business."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Protocol

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answerer
from sessioneval.testing.api_errors import bad_request, error_reply
from sessioneval.testing.asked import Answered, Asked
from sessioneval.testing.billing import OTHER
from sessioneval.testing.capabilities import refused
from sessioneval.testing.chat_request import ChatRequest, digest_of_bytes, parse_request
from sessioneval.testing.completion import chunks, completion
from sessioneval.testing.faults import Fault, spoil
from sessioneval.testing.http_connection import Reply, json_reply
from sessioneval.testing.judge_prompt import find_fence, find_question
from sessioneval.testing.prompt_cache import CacheUse, PromptCache
from sessioneval.testing.tokens import completion_tokens, prompt_tokens, usage


class Responder(Protocol):
    """Reads requests and answers them."""

    def read(self, body: bytes) -> Asked | Reply:
        """Return the request, or the error it gets."""
        ...

    def answer(self, asked: Asked, fault: Fault) -> Answered:
        """Return the answer as the fault leaves it."""
        ...


class FullResponder:
    """Reads every request whole, and has an answerer answer it.

    Args:
        answerer: What answers.
        cache: What earlier prompts left behind.
        models: Names that are answered; others get 404. None answers to any name.
        refuses: Capabilities that get an error.
    """

    def __init__(
        self,
        answerer: Answerer,
        cache: PromptCache,
        models: Iterable[str] | None = None,
        refuses: frozenset[str] = frozenset(),
    ) -> None:
        self._answerer = answerer
        self._cache = cache
        self._models = None if models is None else frozenset(models)
        self._refuses = refuses

    def read(self, body: bytes) -> Asked | Reply:
        """Return the request, or the error it gets."""
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError) as error:
            return bad_request(f"the request body is not JSON: {error}")
        return self.read_fields(fields, digest_of_bytes(body))

    def read_fields(self, fields: Any, fingerprint: str = "", *, cached: bool = True) -> Asked | Reply:
        """Return the request in a parsed body; without `cached` it neither reads nor writes the prompt cache."""
        try:
            request = parse_request(fields, fingerprint)
        except InputError as error:
            return bad_request(str(error))
        return (
            self._unknown_model(request)
            or refused(fields, self._refuses)
            or _asked(request, self._cache.look_up(request) if cached else CacheUse())
        )

    def answer(self, asked: Asked, fault: Fault) -> Answered:
        """Return the answer as the fault leaves it."""
        answer = spoil(self._answerer(asked.request), fault)
        used = usage(asked.prompt_tokens, completion_tokens(answer), asked.cache.cached, asked.cache.written)
        if asked.request.stream:
            events = [*(json.dumps(chunk) for chunk in chunks(asked.request, answer, used)), "[DONE]"]
            body = "".join(f"data: {event}\n\n" for event in events).encode()
            return Answered(reply=Reply(body=body, content_type="text/event-stream"), kind=answer.kind, usage=used)
        return Answered(reply=json_reply(completion(asked.request, answer, used)), kind=answer.kind, usage=used)

    def _unknown_model(self, request: ChatRequest) -> Reply | None:
        if self._models is None or request.model in self._models:
            return None
        known = ", ".join(sorted(self._models))
        return error_reply(HTTPStatus.NOT_FOUND, f"The model {request.model!r} does not exist here; known: {known}.")


def _asked(request: ChatRequest, cache: CacheUse) -> Asked:
    question, fence = find_question(request), find_fence(request)
    return Asked(
        request=request,
        fingerprint=request.fingerprint,
        prompt_tokens=prompt_tokens(request),
        session=fence.session if fence else OTHER,
        evaluators=question.evaluators if question else (),
        cache=cache,
    )
