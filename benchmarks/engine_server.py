"""A chat-completions endpoint that costs almost nothing: waits, then says one fixed verdict. Prints its port.

Run `python -m benchmarks.engine_server --latency 0.2`. It stands in for a provider where the client is measured, so it
must not be what limits: about 0.05 ms a request.
"""

import argparse
import asyncio
import json
import socket

_VERDICT = {
    "n_user_messages": 2,
    "evidence": [],
    "findings": [],
    "answers": [],
    "reasoning": "The user asked twice about an account [1] [3] and the assistant answered both times [2] [4].",
    "label": "unsure",
    "confidence": 0.8,
}
_USAGE = {"prompt_tokens": 2_000, "completion_tokens": 60, "total_tokens": 2_060}
_BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "constant",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": json.dumps(_VERDICT), "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {**_USAGE, "prompt_tokens_details": {"cached_tokens": 1_500}},
    }
).encode()
_RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY) + _BODY


class Constant(asyncio.Protocol):
    """Answers each request on a connection after the latency; clients do not pipeline."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._missing = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            head, _, body = data.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            self._missing = int(length or 0) - len(body)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = -1
            asyncio.get_running_loop().call_later(self._latency_seconds, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_RESPONSE)


async def serve(port: int, latency_seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Constant(latency_seconds), "127.0.0.1", port, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main()
