"""The LLM judge: one rubric, one model, one evaluation a session."""

import math
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from sessioneval.errors import InputError, JudgeAnswerError, JudgeError
from sessioneval.evaluators.base import evaluation_of, failed
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.judge_answer import Answer, Completion, Problem, read_answer
from sessioneval.evaluators.judge_prompt import ChatMessage, layout, prompt, repair
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_library import rubric_named
from sessioneval.model.evaluation import AnnotatorKind, Evaluation, Usage
from sessioneval.model.transcript import Transcript

if TYPE_CHECKING:
    from sessioneval.evaluators.judge_client import ClientPool

DEFAULT_TIMEOUT = timedelta(seconds=60)
DEFAULT_RETRIES = 5


class JudgeOptions(TypedDict, total=False):
    """The keyword arguments of `Judge` but for the model, where they are passed through."""

    base_url: str | None
    api_key: str | None
    temperature: float | None
    seed: int | None
    timeout: timedelta
    max_retries: int


class Judge:
    """Asks a model a rubric's question about a whole session.

    The label must be one of the rubric's, the score is the rubric's. An answer that cannot be used
    (another label, no JSON, a refusal, cut off, empty) is asked for once more and then becomes a
    failed evaluation, never a label.

    Args:
        rubric: The name of a registered rubric (never a path), or a `Rubric`.
        model: The model's name at the endpoint.
        base_url: An OpenAI-compatible address, such as ``http://localhost:8000/v1``; by default
            ``OPENAI_BASE_URL`` or OpenAI itself.
        api_key: By default ``OPENAI_API_KEY``; not needed with a `base_url`.
        temperature: Sent if not None; left out for models that refuse it.
        seed: Sent if not None; left out for models that refuse it.
        timeout: For one attempt of a call.
        max_retries: Further attempts after 408, 409, 429, 5xx, time-outs and lost connections.

    Raises:
        InputError: The rubric is not known.

    Example:
        >>> judge = Judge("coherence", model="my-model", base_url="http://localhost:8000/v1", api_key="secret-key")
        >>> judge
        Judge('coherence', model='my-model', base_url='http://localhost:8000/v1')
    """

    annotator_kind: AnnotatorKind = "LLM"

    def __init__(
        self,
        rubric: str | Rubric,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        temperature: float | None = 0.0,
        seed: int | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
    ) -> None:
        self.rubric = rubric_named(rubric) if isinstance(rubric, str) else rubric
        self.model = model
        self._endpoint = Endpoint.of(base_url, api_key, timeout, max_retries)
        self._parameters: dict[str, Any] = {"temperature": temperature, "seed": seed}
        self._has_asked = False

    @property
    def name(self) -> str:
        """The rubric's name."""
        return self.rubric.name

    @property
    def labels(self) -> Mapping[str, float]:
        """The rubric's labels with their scores."""
        return self.rubric.labels

    @cached_property
    def identifier(self) -> str:
        """Fingerprint of rubric, model, parameters, prompt and renderer."""
        rubric = self.rubric
        judged = {
            "name": rubric.name,
            "version": rubric.version,
            "question": rubric.question,
            "labels": list(rubric.labels.items()),
            "definitions": dict(rubric.definitions),
            "direction": rubric.direction,
        }
        return fingerprint({"rubric": judged, "model": self.model, "parameters": self._parameters, **layout()})

    def __repr__(self) -> str:
        where = "" if self._endpoint.base_url is None else f", base_url={self._endpoint.shown!r}"
        return f"Judge({self.name!r}, model={self.model!r}{where})"

    def check(self) -> None:
        """Validate everything that can be known before the first paid call; makes none.

        Raises:
            InputError: Model, key, address, time-out, retries, temperature or seed cannot be used.
        """
        if not isinstance(self.model, str) or not self.model.strip():
            raise InputError(f"model of judge {self.name!r} is {self.model!r}; pass the name of a model")
        temperature, seed = self._parameters["temperature"], self._parameters["seed"]
        if temperature is not None and not _is_temperature(temperature):
            raise InputError(f"temperature is {temperature!r}; give a number of 0 or more, or None")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise InputError(f"seed is {seed!r}; give a whole number or None")
        self._endpoint.check()

    def messages(self, transcript: Transcript) -> list[ChatMessage]:
        """Return the exact prompt for a session."""
        return prompt(self.rubric, transcript)

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the judge's evaluation, or a failed one with the class and text of the error.

        Raises:
            InputError: The judge's configuration cannot be used (see `check`); nothing was sent.
        """
        self.check()
        started = time.perf_counter()
        completions: list[Completion] = []
        try:
            answer = await self._answer(transcript, completions)
            decided = {"label": answer.label, "score": answer.score, "explanation": answer.explanation}
        except JudgeError as error:
            decided = failed(type(error).__name__, str(error))
        return evaluation_of(
            self,
            transcript,
            **decided,
            usage=sum((completion.usage for completion in completions), Usage()),
            duration_seconds=time.perf_counter() - started,
            metadata=_metadata(completions),
        )

    async def aclose(self) -> None:
        """Close the connections that this judge shares with the others of its endpoint."""
        if self._has_asked:
            await self._pool().close(self._endpoint)

    async def _answer(self, transcript: Transcript, completions: list[Completion]) -> Answer:
        """Ask, and once more if the answer cannot be used; `completions` collects what was paid for."""
        messages = self.messages(transcript)
        read = await self._asked(messages, completions)
        if isinstance(read, Problem):
            last = completions[-1]
            read = await self._asked(
                [*messages, *repair(self.rubric, last.text or last.refusal, read.text)], completions
            )
        if isinstance(read, Problem):
            raise JudgeAnswerError(f"no usable answer from {self.model!r}, asked twice; the last one: {read.text}")
        return read

    async def _asked(self, messages: list[ChatMessage], completions: list[Completion]) -> Answer | Problem:
        self._has_asked = True
        completion = await self._pool().client(self._endpoint).complete(self.model, messages, self._parameters)
        completions.append(completion)
        return read_answer(completion, self.rubric)

    def _pool(self) -> "ClientPool":
        # Loads openai, half a second: only when a judge is first asked.
        from sessioneval.evaluators.judge_client import POOL

        return POOL


def _metadata(completions: list[Completion]) -> dict[str, Any]:
    """Return what a reader may want to know of the calls: which model answered, and whether it was asked again."""
    if not completions:
        return {}
    repaired = {"repaired": True} if len(completions) > 1 else {}
    return {"response_model": completions[-1].response_model, **repaired}


def _is_temperature(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
