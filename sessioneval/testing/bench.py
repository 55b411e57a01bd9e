"""One stand-in behind its HTTP interface: which path does what."""

import hmac
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sessioneval.testing.api_errors import error_reply
from sessioneval.testing.batch_execution import BatchExecution
from sessioneval.testing.batches import Batches
from sessioneval.testing.billing import Ledger
from sessioneval.testing.chat import Chat
from sessioneval.testing.completion import MODEL
from sessioneval.testing.constant_responder import ConstantResponder
from sessioneval.testing.counts import Counts
from sessioneval.testing.files import Files
from sessioneval.testing.http_connection import Exchange, Reply, json_reply
from sessioneval.testing.options import CONSTANT, Options
from sessioneval.testing.prompt_cache import prompt_cache
from sessioneval.testing.responder import FullResponder
from sessioneval.testing.rules import written_rules

Handler = Callable[[Exchange, str], Reply | None]
"""Takes a request and the id in its path; None if it replies by itself."""

_ID = "{id}"
_ID_AT = 2


class Bench:
    """The rules, faults, counts, caches and batches of one stand-in, whatever connects to it.

    Args:
        options: How it is set up.
    """

    def __init__(self, options: Options) -> None:
        self._api_key = options.api_key
        self._counts = Counts()
        self._ledger = Ledger(options.prices)
        self._cache = prompt_cache(options.prompt_cache)
        full = FullResponder(options.answers, self._cache, options.models, frozenset(options.refuses))
        responder = ConstantResponder(full) if options.answerer == CONSTANT else full
        self._chat = Chat(responder, options.faults, self._counts, self._ledger, self._cache)
        execution = BatchExecution(full, options.faults, self._counts, self._ledger)
        self._files = Files()
        self._batches = Batches(self._files, options.batches, execution)
        self._routes = self._routed()

    def _routed(self) -> dict[str, dict[str, Handler]]:
        return {
            "/": {"GET": lambda *_: Reply(body=written_rules().encode(), content_type="text/plain; charset=utf-8")},
            "/healthz": {"GET": lambda *_: json_reply({"status": "ok"})},
            "/stats": {"GET": lambda *_: json_reply(self.stats())},
            "/stats/evaluations": {"GET": lambda *_: json_reply(_rows(self.evaluations()))},
            "/stats/sessions": {"GET": lambda *_: json_reply(self.bills())},
            "/stats/process": {"GET": lambda *_: json_reply({"cpu_seconds": time.process_time()})},
            "/reset": {"POST": lambda *_: self._reset()},
            "/v1/models": {"GET": lambda *_: json_reply({"object": "list", "data": [_MODEL]})},
            "/v1/files": {"GET": self._files.list_all, "POST": self._files.upload},
            "/v1/files/{id}": {"GET": self._files.show, "DELETE": self._files.delete},
            "/v1/files/{id}/content": {"GET": self._files.content},
            "/v1/batches": {"GET": self._batches.list_all, "POST": self._batches.create},
            "/v1/batches/{id}": {"GET": self._batches.look},
            "/v1/batches/{id}/cancel": {"POST": self._batches.cancel},
            "/v1/chat/completions": {"POST": lambda exchange, _: self._chat(exchange)},
        }

    def stats(self) -> dict[str, Any]:
        """Return all counts, and the bill."""
        return {**self._counts.to_dict(), "bill": self._ledger.total()}

    def evaluations(self) -> dict[tuple[str, str], int]:
        """Return how many answers each (session, evaluator) got."""
        return self._counts.evaluations()

    def bills(self) -> dict[str, dict[str, float]]:
        """Return the bill of each session."""
        return self._ledger.by_session()

    def reset(self) -> None:
        """Forget all counts, bills and cached prefixes; files and batches stay."""
        self._counts.reset()
        self._ledger.reset()
        self._cache.clear()

    def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        reply = self._unknown_key(exchange) or self._routed_to(exchange)
        if reply:
            exchange.reply(reply)

    def _routed_to(self, exchange: Exchange) -> Reply | None:
        path, identifier = exchange.path, ""
        if path not in self._routes:
            path, identifier = _with_id(path)
        handlers = self._routes.get(path)
        if handlers is None:
            return _see_rules(HTTPStatus.NOT_FOUND)
        handler = handlers.get(exchange.method)
        return handler(exchange, identifier) if handler else _see_rules(HTTPStatus.METHOD_NOT_ALLOWED)

    def _reset(self) -> Reply:
        self.reset()
        return json_reply({"status": "reset"})

    def _unknown_key(self, exchange: Exchange) -> Reply | None:
        key = self._api_key
        if key is None or not exchange.path.startswith("/v1/"):
            return None
        given = exchange.headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if hmac.compare_digest(given, key.encode()):
            return None
        return error_reply(HTTPStatus.UNAUTHORIZED, "The API key is missing or not the one this stand-in asks for.")


_MODEL = {"id": MODEL, "object": "model", "created": 0, "owned_by": "sessioneval"}


def _with_id(path: str) -> tuple[str, str]:
    """Return the path with its third part as ``{id}``, and that part."""
    parts = path.strip("/").split("/")
    if len(parts) <= _ID_AT:
        return path, ""
    return "/" + "/".join([*parts[:_ID_AT], _ID, *parts[_ID_AT + 1 :]]), parts[_ID_AT]


def _rows(evaluations: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [
        {"session": session, "evaluator": evaluator, "finished": finished}
        for (session, evaluator), finished in evaluations.items()
    ]


def _see_rules(status: HTTPStatus) -> Reply:
    return error_reply(status, f"{status.phrase}: see GET / for what the stand-in answers.")
