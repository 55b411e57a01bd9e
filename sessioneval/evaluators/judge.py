"""The LLM judge: one rubric, one model, one evaluation a session."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, TypedDict

from sessioneval.errors import InputError, JudgeError
from sessioneval.evaluators.answer_schema import RESPONSE_FORMAT
from sessioneval.evaluators.asking import Asking, call_key
from sessioneval.evaluators.base import evaluation_of, failed, judged_digest
from sessioneval.evaluators.cache_options import PromptCache, cache_options, check_prompt_cache
from sessioneval.evaluators.channel import Channel, ChatMessage, JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.injection import addresses_a_judge
from sessioneval.evaluators.judge_answer import Answer
from sessioneval.evaluators.judge_material import MaterialSource
from sessioneval.evaluators.judge_prompt import layout, nonce_of, question_text
from sessioneval.evaluators.long_sessions import SessionPrompts
from sessioneval.evaluators.references import References
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_library import rubric_named
from sessioneval.evaluators.token_budget import check_input_tokens, default_input_tokens
from sessioneval.model.context import ToolDefinition
from sessioneval.model.evaluation import AnnotatorKind, Evaluation
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.tokens import token_counter

if TYPE_CHECKING:
    from sessioneval.evaluators.judge_client import LiveChannel

DEFAULT_TIMEOUT = timedelta(seconds=60)
DEFAULT_RETRIES = 5
ReferenceSource = References | Mapping[str, Any] | str | PathLike[str]


class JudgeOptions(TypedDict, total=False):
    """The keyword arguments of `Judge` but for the model, where they are passed through."""

    base_url: str | None
    api_key: str | None
    temperature: float | None
    seed: int | None
    timeout: timedelta
    max_retries: int
    variables: Mapping[str, str]
    reference: ReferenceSource | None
    tools: Sequence[ToolDefinition] | None
    prompt_cache: PromptCache
    max_input_tokens: int | None


class Judge:
    """Asks a model a rubric's question about a whole session.

    The label must be one of the rubric's, or ``unsure``; the score is the rubric's. An answer that cannot be
    used (another label, no JSON, a refusal, cut off, empty) is asked for once more and then becomes a
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
        variables: Values for the rubric's variables, instead of its defaults.
        reference: A table of what sessions are held against (see `References.of`), for a rubric that names references,
            instead of the sessions' attributes.
        tools: The tools that the agent had, for a rubric that asks for them, instead of those in the spans.
        prompt_cache: Which cache options are sent; ``auto`` sends those that address and model are known to take.
        max_input_tokens: For one prompt, at least 6,000; by default by the model's family, or 100,000. A session that
            needs more is shortened, or read in windows.

    Raises:
        InputError: The rubric, a variable or the table is not known or cannot be used.

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
        variables: Mapping[str, str] | None = None,
        reference: ReferenceSource | None = None,
        tools: Sequence[ToolDefinition] | None = None,
        prompt_cache: PromptCache = "auto",
        max_input_tokens: int | None = None,
    ) -> None:
        known = rubric_named(rubric) if isinstance(rubric, str) else rubric
        self.rubric = known.with_variables(variables or {})
        self.model = model
        self._material = MaterialSource.of(self.rubric, reference, tools)
        self._endpoint = Endpoint.of(base_url, api_key, timeout, max_retries)
        self._parameters: dict[str, Any] = {"temperature": temperature, "seed": seed}
        self._prompt_cache: PromptCache = prompt_cache
        self._max_input_tokens = default_input_tokens(model) if max_input_tokens is None else max_input_tokens
        self._repeat = 0
        self._secret: bytes | None = None
        self._channel: Channel | None = None
        self._has_asked = False

    @property
    def name(self) -> str:
        """The rubric's name."""
        return self.rubric.name

    @property
    def labels(self) -> Mapping[str, float]:
        """The rubric's labels with their scores."""
        return self.rubric.labels

    @property
    def needs_context(self) -> bool:
        """Whether transcripts must come with their context: for tools, or references from attributes."""
        return self._material.needs_context

    @cached_property
    def identifier(self) -> str:
        """Fingerprint of rubric, model, parameters, material, prompt and renderer."""
        repeat = {"repeat": self._repeat} if self._repeat else {}
        judged = {"rubric": self.rubric.judged_by(), "material": self._material.judged_by(), **repeat}
        return fingerprint({**judged, "model": self.model, "parameters": self._parameters, **self._layout()})

    @cached_property
    def prefix_key(self) -> str:
        """Equal for judges whose prompts about a session begin with the same bytes at the same place."""
        return fingerprint({"endpoint": self._endpoint.shown, "model": self.model, **self._layout()})

    def __repr__(self) -> str:
        where = "" if self._endpoint.base_url is None else f", base_url={self._endpoint.shown!r}"
        return f"Judge({self.name!r}, model={self.model!r}{where})"

    def through(self, channel: Channel, *, nonce_secret: bytes | None = None) -> "Judge":
        """Return the judge with its calls going through `channel`, which whoever made it closes.

        Args:
            channel: Answers the calls.
            nonce_secret: What the fences' nonces are made from: random and kept secret. Give the same one again
                where a later process must send the same bytes; by default each process has its own.
        """
        bound = copy.copy(self)
        bound._channel = channel  # noqa: SLF001 - a copy of this very class
        bound._secret = nonce_secret or self._secret  # noqa: SLF001
        return bound

    def again(self, number: int) -> "Judge":
        """Return the judge asking the same once more, as an evaluator of its own: another fingerprint, other calls.

        Args:
            number: 1 for the first repeat, and so on.
        """
        repeated = copy.copy(self)
        repeated.__dict__.pop("identifier", None)
        repeated._repeat = number  # noqa: SLF001 - a copy of this very class
        return repeated

    def check(self) -> None:
        """Validate everything that can be known before the first paid call; makes none.

        Raises:
            InputError: Model, key, address, time-out, retries, temperature, seed or references cannot be used.
        """
        if not isinstance(self.model, str) or not self.model.strip():
            raise InputError(f"model of judge {self.name!r} is {self.model!r}; pass the name of a model")
        temperature, seed = self._parameters["temperature"], self._parameters["seed"]
        if temperature is not None and not _is_temperature(temperature):
            raise InputError(f"temperature is {temperature!r}; give a number of 0 or more, or None")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise InputError(f"seed is {seed!r}; give a whole number or None")
        check_prompt_cache(self._prompt_cache)
        check_input_tokens(self._max_input_tokens)
        self._material.check()
        self._endpoint.check()

    def messages(self, transcript: Transcript) -> list[ChatMessage]:
        """Return the exact prompt for a session; the first one where it is read in several (see `prompts`)."""
        return self.prompts(transcript)[0]

    def prompts(self, transcript: Transcript) -> list[list[ChatMessage]]:
        """Return the exact prompts for a session: one, or one a window; a closing one then has what they brought."""
        return self._prompts(transcript).shown()

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the judge's evaluation, or a failed one with the class and text of the error.

        A session that lacks a reference that the rubric names is skipped, and nothing is asked.

        Raises:
            InputError: The judge's configuration cannot be used (see `check`); nothing was sent.
        """
        self.check()
        if self._material.missing(transcript):
            return evaluation_of(self, transcript, status="skipped", reason="no_reference")
        started = time.perf_counter()
        prompts = self._prompts(transcript)
        asking = self._asking(transcript, prompts)
        try:
            answer = await prompts.answer(asking)
            decided = _decided(answer, transcript, asking, prompts)
        except JudgeError as error:
            decided = {**failed(type(error).__name__, str(error)), "metadata": asking.metadata}
        return evaluation_of(
            self,
            transcript,
            **decided,
            **prompts.measures,
            usage=asking.usage,
            duration_seconds=time.perf_counter() - started,
        )

    async def aclose(self) -> None:
        """Close the connections that this judge shares with the others of its endpoint; a channel is not closed."""
        if self._has_asked and self._channel is None:
            await _live().close(self._endpoint)

    def _layout(self) -> dict[str, Any]:
        return {**layout(), "max_input_tokens": self._max_input_tokens}

    def _prompts(self, transcript: Transcript) -> SessionPrompts:
        nonce = nonce_of(transcript.session_id, self._secret)
        return SessionPrompts(
            transcript=transcript,
            question=question_text(self.rubric, nonce, self._material.material(transcript)),
            nonce=nonce,
            max_input_tokens=self._max_input_tokens,
            counter=token_counter(self.model),
            options=cache_options(self._prompt_cache, self._endpoint, self.model),
        )

    def _asking(self, transcript: Transcript, prompts: SessionPrompts) -> Asking:
        """Return what the calls about a session have in common."""
        self._has_asked = True
        digest = judged_digest(self, transcript)
        session = call_key(transcript.session_id, transcript.digest)
        call = JudgeCall(
            endpoint=self._endpoint,
            model=self.model,
            messages=(),
            parameters={**self._parameters, **prompts.options.parameters_for(session)},
            response_format=RESPONSE_FORMAT,
            session_id=transcript.session_id,
            key=call_key(transcript.session_id, digest, self.identifier),
        )
        return Asking(channel=self._channel or _live(), call=call, rubric=self.rubric, transcript=transcript)


def _live() -> "LiveChannel":
    # Loads an HTTP client: only when a judge is first asked.
    from sessioneval.evaluators.judge_client import LIVE

    return LIVE


def _decided(answer: Answer, transcript: Transcript, asking: Asking, prompts: SessionPrompts) -> dict[str, Any]:
    parts = answer.parts
    signs = {"transcript": addresses_a_judge(transcript), "canary": parts.is_canary_wrong}
    told = {
        "dropped": dict(parts.dropped),
        "reasons": dict(parts.reasons),
        "injection_signs": [sign for sign, is_there in signs.items() if is_there],
        **prompts.told,
    }
    metadata = {**asking.metadata, **{key: value for key, value in told.items() if value}}
    return {**answer.decided, "is_injection_suspected": any(signs.values()), "metadata": metadata}


def _is_temperature(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
