"""The four session judges as rules over the text: coherence, correctness, frustration and goal completion."""

from collections.abc import Callable

from sessioneval.testing.claims import Claim, claims
from sessioneval.testing.equations import Equation, equations
from sessioneval.testing.facts import contradicted_facts
from sessioneval.testing.judge_prompt import FencedMessage, JudgePrompt
from sessioneval.testing.markers import (
    EXCLAMATIONS,
    FRUSTRATION,
    LEAVING,
    NOT_REACHED,
    THANKS,
    UNDERSTANDING,
    first_marker,
    takes_back,
)
from sessioneval.testing.sentences import asks
from sessioneval.testing.verdict import Verdict


def judge(prompt: JudgePrompt) -> Verdict:
    """Return the verdict of the evaluator's rule, or the first label if there is no rule for it."""
    rule = RULES.get(prompt.evaluator)
    verdict = rule(prompt) if rule else None
    if verdict and (not prompt.labels or verdict.label in prompt.labels):
        return verdict
    first = prompt.labels[0] if prompt.labels else "unknown"
    return Verdict(
        label=first,
        explanation=f"The stand-in has no rule for {prompt.evaluator!r} with these labels; it answers the first label.",
    )


def coherence(prompt: JudgePrompt) -> Verdict:
    """Incoherent if the assistant gives one calculation or subject two values, or takes a statement back."""
    for message in prompt.of_role("assistant"):
        if words := takes_back(message.text):
            return Verdict(
                label="incoherent", explanation=f"Message {message.index} takes a statement back: {words!r}."
            )
    found = _two_results(prompt) or _two_values(prompt)
    if found:
        return Verdict(label="incoherent", explanation=found)
    return Verdict(label="coherent", explanation="No assistant message gives a calculation or a subject another value.")


def _two_results(prompt: JudgePrompt) -> str:
    seen: dict[str, list[tuple[int, Equation]]] = {}
    for message in prompt.of_role("assistant"):
        for equation in equations(message.text):
            earlier = seen.setdefault(equation.left, [])
            for index, other in earlier:
                if _conflict(other, equation) and index != message.index:
                    return f"Message {index} says {other.text!r}, message {message.index} says {equation.text!r}."
            earlier.append((message.index, equation))
    return ""


def _conflict(a: Equation, b: Equation) -> bool:
    return a.stated != b.stated and not (a.holds and b.holds)


def _two_values(prompt: JudgePrompt) -> str:
    seen: dict[str, list[tuple[int, Claim]]] = {}
    for message in prompt.of_role("assistant"):
        for claim in claims(message.text):
            earlier = seen.setdefault(claim.subject, [])
            for index, other in earlier:
                if index != message.index and claim.contradicts(other):
                    return (
                        f"Message {index} says that {claim.subject!r} is {other.value!r}, "
                        f"message {message.index} that it is {claim.value!r}."
                    )
            earlier.append((message.index, claim))
    return ""


def correctness(prompt: JudgePrompt) -> Verdict:
    """Incorrect if an assistant message states a false calculation or goes against the table of facts."""
    for message in prompt.of_role("assistant"):
        for equation in equations(message.text):
            if not equation.holds:
                why = (
                    f"Message {message.index} says {equation.text!r}; computed, {equation.left} is {equation.computed}."
                )
                return Verdict(label="incorrect", explanation=why)
        for fact, sentence in contradicted_facts(message.text):
            why = f"Message {message.index} says {sentence[:200]!r}, but {fact.says}."
            return Verdict(label="incorrect", explanation=why)
    return Verdict(
        label="correct", explanation="No false calculation and nothing against the table of facts was found."
    )


def frustration(prompt: JudgePrompt) -> Verdict:
    """Frustrated if a user message holds a marker of frustration or three exclamation marks."""
    for message in prompt.of_role("user"):
        marker = first_marker(message.text, FRUSTRATION) or (EXCLAMATIONS if EXCLAMATIONS in message.text else "")
        if marker:
            return Verdict(label="frustrated", explanation=f"User message {message.index} holds the marker {marker!r}.")
    return Verdict(label="not_frustrated", explanation="No user message holds a marker of frustration.")


def goal_completion(prompt: JudgePrompt) -> Verdict:
    """Completed if the user closes the talk, or the last word is an assistant's answer that asks nothing back."""
    users = prompt.of_role("user")
    spoken = [message for message in prompt.messages if message.role in ("user", "assistant", "tool", "tool-error")]
    if not users:
        return _goal(reached=False, why="There is no user message whose goal could be reached.")
    last_user = users[-1]
    marker = _failure(last_user.text)
    if marker:
        return _goal(reached=False, why=f"The last user message, {last_user.index}, holds the marker {marker!r}.")
    marker = first_marker(last_user.text, (*UNDERSTANDING, *THANKS)) if len(users) > 1 else ""
    if marker:
        return _goal(reached=True, why=f"The last user message, {last_user.index}, holds the marker {marker!r}.")
    return _last_word(spoken[-1])


def _failure(text: str) -> str:
    """Return the marker of a goal that was not reached; leaving counts only if nothing was understood."""
    leaving = "" if first_marker(text, UNDERSTANDING) else first_marker(text, LEAVING)
    return first_marker(text, NOT_REACHED) or leaving


def _last_word(last: FencedMessage) -> Verdict:
    if last.role != "assistant":
        return _goal(reached=False, why=f"Message {last.index} of the {last.role} was not answered.")
    if not last.text.strip():
        return _goal(reached=False, why=f"The last assistant message, {last.index}, is empty.")
    if asks(last.text):
        return _goal(reached=False, why=f"The last assistant message, {last.index}, ends with a question.")
    return _goal(reached=True, why=f"The last assistant message, {last.index}, answers and asks nothing back.")


def _goal(*, reached: bool, why: str) -> Verdict:
    return Verdict(label="completed" if reached else "not_completed", explanation=why)


RULES: dict[str, Callable[[JudgePrompt], Verdict]] = {
    "coherence": coherence,
    "correctness": correctness,
    "frustration": frustration,
    "goal_completion": goal_completion,
}
