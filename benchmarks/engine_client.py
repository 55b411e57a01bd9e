"""One client against the constant endpoint: calls a second and CPU a call.

Run `python -m benchmarks.engine_client ours --concurrency 100 --url http://127.0.0.1:8000/v1`. Clients: `ours` (the live
channel), `openai` (AsyncOpenAI with DefaultAioHttpClient and limits set to the concurrency, its best configuration),
`openai-default`, `openai-post` (prebuilt body and raw response), `aiohttp` (bare) and `phoenix` (phoenix.evals with
four classification evaluators, for which `python` must be one that has arize-phoenix-evals).
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any

_PROMPT = [
    {"role": "system", "content": "r" * 2_500},
    {"role": "user", "content": "t" * 5_000},
    {"role": "user", "content": "q" * 500},
]
_WARM_SECONDS = 2.0
Call = Callable[[], Awaitable[object]]


def cpu_seconds() -> float:
    """Return user and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ours(url: str, _: int) -> Call:
    from sessioneval.evaluators.answer_schema import RESPONSE_FORMAT
    from sessioneval.evaluators.channel import JudgeCall
    from sessioneval.evaluators.endpoint import Endpoint
    from sessioneval.evaluators.judge_client import LIVE

    endpoint = Endpoint(base_url=url, api_key="none")
    call = JudgeCall(
        endpoint=endpoint,
        model="m",
        messages=_PROMPT,
        parameters={"temperature": 0.0},
        response_format=RESPONSE_FORMAT,
    )
    return lambda: LIVE.complete(call)


def _openai(url: str, client: Any) -> Any:
    import openai

    return openai.AsyncOpenAI(base_url=url, api_key="none", http_client=client)


def _limited(kind: Any, concurrency: int) -> Any:
    import httpx2

    return kind(limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency))


def openai_best(url: str, concurrency: int) -> Call:
    import openai

    client = _openai(url, _limited(openai.DefaultAioHttpClient, concurrency))
    return lambda: client.chat.completions.create(model="m", messages=_PROMPT, temperature=0.0)


def openai_default(url: str, concurrency: int) -> Call:
    import openai

    client = _openai(url, _limited(openai.DefaultAsyncHttpxClient, concurrency))
    return lambda: client.chat.completions.create(model="m", messages=_PROMPT, temperature=0.0)


def openai_post(url: str, concurrency: int) -> Call:
    import httpx2
    import openai

    client = _openai(url, _limited(openai.DefaultAioHttpClient, concurrency))
    headers = {"headers": {"Content-Type": "application/json"}}

    async def call() -> object:
        body = json.dumps({"model": "m", "messages": _PROMPT, "temperature": 0.0}).encode()
        response = await client.post("/chat/completions", cast_to=httpx2.Response, content=body, options=headers)
        return json.loads(response.content)

    return call


def bare_aiohttp(url: str, _: int) -> Call:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def call() -> object:
        body = json.dumps({"model": "m", "messages": _PROMPT, "temperature": 0.0}).encode()
        async with session.post(f"{url}/chat/completions", data=body) as response:
            return json.loads(await response.read())

    return call


CLIENTS = {
    "ours": ours,
    "openai": openai_best,
    "openai-default": openai_default,
    "openai-post": openai_post,
    "aiohttp": bare_aiohttp,
}


async def measured(make: Callable[[str, int], Call], url: str, concurrency: int, seconds: float) -> tuple[float, float]:
    """Return calls a second and CPU seconds a call, after a warm-up."""
    call = make(url, concurrency)
    n_calls = 0
    end = time.perf_counter() + _WARM_SECONDS + seconds

    async def work(number: int) -> None:
        nonlocal n_calls
        await asyncio.sleep(0.2 * number / concurrency)
        while time.perf_counter() < end:
            await call()
            n_calls += 1

    async def watch() -> tuple[float, float]:
        await asyncio.sleep(_WARM_SECONDS)
        before, begun, used = n_calls, time.perf_counter(), cpu_seconds()
        await asyncio.sleep(seconds)
        made = n_calls - before
        return made / (time.perf_counter() - begun), (cpu_seconds() - used) / made

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(work, range(concurrency)))
    return await watching


def phoenix(url: str, concurrency: int, seconds: float) -> tuple[float, float]:
    """Return evaluations a second and CPU seconds an evaluation of phoenix.evals over about so much time."""
    import pandas as pd
    from phoenix.evals import LLM, async_evaluate_dataframe, create_classifier

    llm = LLM(provider="openai", model="m", sync_client_kwargs={"base_url": url, "api_key": "none"},
              async_client_kwargs={"base_url": url, "api_key": "none"})  # fmt: skip
    names = ("coherence", "frustration", "correctness", "goal_completion")
    template = "r" * 2_500 + "{transcript}" + "q" * 500
    evaluators = [
        create_classifier(name=name, prompt_template=template, llm=llm, choices={"unsure": 0.0, "sure": 1.0})
        for name in names
    ]
    n_rows = max(10, int(seconds * 5))
    frame = pd.DataFrame({"transcript": ["t" * 5_000] * n_rows})
    begun, used = time.perf_counter(), cpu_seconds()
    asyncio.run(async_evaluate_dataframe(frame, evaluators, concurrency=concurrency))
    made = n_rows * len(names)
    return made / (time.perf_counter() - begun), (cpu_seconds() - used) / made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=[*CLIENTS, "phoenix"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    if options.client == "phoenix":
        per_second, cpu = phoenix(options.url, options.concurrency, options.seconds)
    else:
        make = CLIENTS[options.client]
        per_second, cpu = asyncio.run(measured(make, options.url, options.concurrency, options.seconds))
    print(per_second, cpu, flush=True)


if __name__ == "__main__":
    main()
