"""The model that plays the demo's tutor, student and support agent: a real one, or the stand-in."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import openai
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageParam, ChatCompletionToolParam

from sessioneval.errors import InputError, JudgeUnavailable
from sessioneval.evaluators.endpoint import NO_KEY, Endpoint
from sessioneval.testing.completion import MODEL as STAND_IN
from sessioneval.testing.server import DEFAULT_HOST, StandIn

_NO_PROXY = ("NO_PROXY", "no_proxy")


@dataclass(frozen=True, kw_only=True)
class ChatModel:
    """A model behind an endpoint.

    Attributes:
        client: Connected to the endpoint.
        endpoint: Where the judges' calls go, too.
        name: The model's name there.
        is_stand_in: Whether it answers by written rules and is no language model.
    """

    client: openai.OpenAI
    endpoint: Endpoint
    name: str
    is_stand_in: bool

    def reply(self, messages: Sequence[ChatCompletionMessageParam]) -> str:
        """Return the text of the model's answer.

        Raises:
            JudgeUnavailable: The endpoint gave no answer.
        """
        return (self.message(messages).content or "").strip()

    def message(
        self, messages: Sequence[ChatCompletionMessageParam], tools: Sequence[ChatCompletionToolParam] = ()
    ) -> ChatCompletionMessage:
        """Return the model's answer, a text or tool calls.

        Raises:
            JudgeUnavailable: The endpoint gave no answer.
        """
        try:
            completion = self.client.chat.completions.create(
                model=self.name, messages=list(messages), tools=list(tools) or openai.omit
            )
        except openai.OpenAIError as error:
            said = self.endpoint.scrub(str(error))
            text = f"{self.endpoint.shown} gave no answer as model {self.name!r}; check key, model and base_url: {said}"
            raise JudgeUnavailable(text) from None
        if not completion.choices:
            raise JudgeUnavailable(f"{self.endpoint.shown} answered as model {self.name!r} without any choice")
        return completion.choices[0].message


@contextmanager
def chat_model(model: str | None, base_url: str | None, api_key: str | None) -> Iterator[ChatModel]:
    """Connect to the model that is named, or start the stand-in for as long as the block lasts.

    Raises:
        InputError: There is a base URL without a model, or no key for a real model.
    """
    if model is not None:
        with _connected(model, base_url, api_key, is_stand_in=False) as real:
            yield real
    elif base_url is not None:
        raise InputError(f"base_url {base_url!r} is given without a model; pass model= (on the command line --model)")
    else:
        with (
            _without_proxy(),
            StandIn() as server,
            _connected(STAND_IN, server.base_url, NO_KEY, is_stand_in=True) as rules,
        ):
            yield rules


@contextmanager
def _connected(model: str, base_url: str | None, api_key: str | None, *, is_stand_in: bool) -> Iterator[ChatModel]:
    endpoint = Endpoint.of(base_url, api_key, Endpoint.timeout, Endpoint.max_retries)
    endpoint.check()
    with openai.OpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        timeout=endpoint.timeout.total_seconds(),
        max_retries=endpoint.max_retries,
    ) as client:
        yield ChatModel(client=client, endpoint=endpoint, name=model, is_stand_in=is_stand_in)


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Reach the stand-in directly: a proxy of the environment cannot know this machine's ports."""
    before = {name: os.environ.get(name) for name in _NO_PROXY}
    direct = ",".join(filter(None, [*before.values(), DEFAULT_HOST]))
    os.environ.update(dict.fromkeys(_NO_PROXY, direct))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
