"""The cheapest answers: the same for every transcript, for measuring clients and not the stand-in."""

import hashlib
import json
from dataclasses import dataclass

from sessioneval.testing.answer import Answer
from sessioneval.testing.asked import Answered, Asked
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.completion import completion
from sessioneval.testing.faults import Fault, spoil
from sessioneval.testing.http_connection import Reply, json_reply
from sessioneval.testing.responder import FullResponder
from sessioneval.testing.tokens import CHARACTERS_PER_TOKEN, completion_tokens, usage
from sessioneval.testing.verdict import first_label

EVALUATOR = b"Evaluator: "
MAX_QUESTIONS = 1000


@dataclass(frozen=True, kw_only=True)
class _Known:
    """The first request with a question, its answer, and the answer's body up to the usage."""

    request: ChatRequest
    answer: Answer
    body: bytes
    completion_tokens: int


class ConstantResponder:
    """Answers each question with its first label, whatever the transcript says.

    Only the first request with a question is parsed; later ones are known by their last bytes, from the last
    ``Evaluator:`` on. So there is no count by session, no prompt cache, no stream and no check of later bodies.

    Args:
        full: What reads the first one, and refuses what it refuses.
    """

    def __init__(self, full: FullResponder) -> None:
        self._full = full
        self._known: dict[bytes, _Known] = {}
        self._by_request: dict[str, _Known] = {}

    def read(self, body: bytes) -> Asked | Reply:
        """Return the request, or the error that the first one with its question gets."""
        question = body[max(0, body.rfind(EVALUATOR)) :]
        known = self._known.get(question)
        if known is None:
            asked = self._full.read(body)
            if isinstance(asked, Reply):
                return asked
            known = self._remember(question, asked.request)
        fingerprint = hashlib.sha256(body).hexdigest()
        return Asked(request=known.request, fingerprint=fingerprint, prompt_tokens=len(body) // CHARACTERS_PER_TOKEN)

    def answer(self, asked: Asked, fault: Fault) -> Answered:
        """Return the constant answer as the fault leaves it."""
        known = self._by_request[asked.request.fingerprint]
        used = usage(asked.prompt_tokens, known.completion_tokens)
        if fault in ("none", "slow"):
            body = b'%s, "usage": %s}' % (known.body, json.dumps(used).encode())
            return Answered(reply=Reply(body=body), kind=known.answer.kind, usage=used)
        spoiled = completion(asked.request, spoil(known.answer, fault), used)
        return Answered(reply=json_reply(spoiled), kind=known.answer.kind, usage=used)

    def _remember(self, question: bytes, request: ChatRequest) -> _Known:
        if len(self._known) >= MAX_QUESTIONS:
            self._known.clear()
            self._by_request.clear()
        answer = first_label(request)
        body = completion(request, answer, {})
        del body["usage"]
        known = _Known(
            request=request,
            answer=answer,
            body=json.dumps(body)[:-1].encode(),
            completion_tokens=completion_tokens(answer),
        )
        self._known[question] = self._by_request[request.fingerprint] = known
        return known
