"""The stand-in in a process of its own, so that it takes no time from the one that is measured."""

import json
import multiprocessing
import urllib.request
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from sessioneval.errors import SessionEvalError
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import DEFAULT_HOST, serve

_TIMEOUT_SECONDS = 30


class StandInProcess:
    """As `StandIn`, in another process of this machine.

    A script that uses it needs the guard ``if __name__ == "__main__":``, as with any process that Python spawns.

    Args:
        faults: How badly it behaves; not at all if left out.
        port: 0 takes a free one.
        host: Address to listen on.
        options: The other fields of `Options`; an answerer has to be one that can be pickled.

    Attributes:
        base_url: What an OpenAI client takes as `base_url`; known once the block is entered.
    """

    def __init__(
        self, faults: Faults | None = None, port: int = 0, *, host: str = DEFAULT_HOST, **options: Any
    ) -> None:
        self._arguments = (faults, port, host, options)
        self.base_url = ""

    @property
    def stats(self) -> dict[str, Any]:
        """The counts of ``GET /stats``."""
        return dict(self._get("/stats"))

    @property
    def evaluations(self) -> dict[tuple[str, str], int]:
        """How many answers each (session, evaluator) got."""
        return {(row["session"], row["evaluator"]): row["finished"] for row in self._get("/stats/evaluations")}

    @property
    def bills(self) -> dict[str, dict[str, float]]:
        """The bill of each session."""
        return dict(self._get("/stats/sessions"))

    def reset(self) -> None:
        """Forget all counts, bills and cached prefixes; batches stay."""
        self._get("/reset", data=b"")

    def cpu_seconds(self) -> float:
        """Return the processor time that it took until now."""
        return float(self._get("/stats/process")["cpu_seconds"])

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(sender, *self._arguments), daemon=True)
        self._process.start()
        sender.close()
        told = receiver.recv()
        receiver.close()
        if isinstance(told, Exception):
            self._process.join()
            raise told
        self.base_url = told
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()

    def _get(self, path: str, data: bytes | None = None) -> Any:
        # Only http: the address is our own.
        url = self.base_url.removesuffix("/v1") + path
        with urllib.request.urlopen(url, data, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)


def _serve(sender: Connection, faults: Faults | None, port: int, host: str, options: dict[str, Any]) -> None:
    """Serve in the new process until it is told to end."""
    try:
        serve(port, faults, host=host, on_ready=sender.send, **options)
    except SessionEvalError as error:
        sender.send(error)
