"""Signals of how much there was: turns, tool calls, tokens, money."""

from collections import Counter

from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import shown
from sessioneval.model.transcript import Transcript

_SHOWN_TOOLS = 50


@signal(fields=("n_turns",))
def turn_count(transcript: Transcript) -> Decided:
    """Score: number of user messages. No label."""
    indexes = [index for index, message in enumerate(transcript.messages) if message.role == "user"]
    return decided(len(indexes), f"User messages: {shown(indexes)}.", n_turns=len(indexes))


@signal(fields=("n_calls", "n_tools", "by_tool"))
def tool_calls(transcript: Transcript) -> Decided:
    """Score: number of tool calls. `by_tool` counts those of the 50 tools called most."""
    names = Counter(call.name for call in transcript.tool_calls)
    indexes = [index for index, message in enumerate(transcript.messages) for _ in message.tool_calls]
    text = f"Tools are called at messages {shown(dict.fromkeys(indexes))}."
    by_tool = dict(names.most_common(_SHOWN_TOOLS))
    return decided(len(indexes), text, n_calls=len(indexes), n_tools=len(names), by_tool=by_tool)


@signal(fields=("input_tokens", "output_tokens", "n_model_calls", "n_uncounted"), needs_context=True)
def tokens(transcript: Transcript) -> Decided | None:
    """Score: tokens of all model calls, prompts and answers, as the provider counted them.

    A call that two spans stand for counts once (`ModelCall.is_repeat`). `n_uncounted` calls have no count on their
    span and are not in the sum. Does not apply where no call has one.
    """
    calls = transcript.context.distinct_calls
    counted = [call for call in calls if call.input_tokens is not None or call.output_tokens is not None]
    if not counted:
        return None
    sent = sum(call.input_tokens or 0 for call in counted)
    answered = sum(call.output_tokens or 0 for call in counted)
    text = f"{sent} tokens of prompts and {answered} of answers in {len(counted)} of {len(calls)} model calls."
    counts = {"input_tokens": sent, "output_tokens": answered}
    return decided(sent + answered, text, **counts, n_model_calls=len(calls), n_uncounted=len(calls) - len(counted))


@signal(fields=("cost_usd", "n_model_calls", "n_unpriced"), needs_context=True)
def cost(transcript: Transcript) -> Decided | None:
    """Score: what the model calls cost in USD, as their spans say (``llm.cost.total``, ``gen_ai.usage.cost``).

    A call that two spans stand for counts once. `n_unpriced` calls say no cost and are not in the sum. Does not
    apply where no call says one: an unknown price is not 0.

    Source: OpenInference semantic conventions, `llm.cost.*`.
    """
    calls = transcript.context.distinct_calls
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    if not costs:
        return None
    total = sum(costs)
    text = f"{total:.6f} USD for {len(costs)} of {len(calls)} model calls."
    return decided(total, text, cost_usd=total, n_model_calls=len(calls), n_unpriced=len(calls) - len(costs))
