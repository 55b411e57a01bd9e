"""A session that does not fit one prompt is judged all the same, all of it, and its row says how."""

import asyncio
import json
import re

import pytest

from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.evaluators.judge_prompt import RULES
from sessioneval.model.evaluation import Usage
from sessioneval.sessions.tokens import ESTIMATE

BUDGET = 8_000
LONG = [("assistant" if at % 2 else "user", f"number {at}: " + "so it goes on " * 70) for at in range(80)]


class Windows:
    """A channel that answers by what a prompt shows: a finding and a quote for each window, a label at the end."""

    def __init__(self, make, **parts):
        self._make = make
        self._parts = parts
        self.calls = []
        self.in_flight = self.peak = 0

    async def complete(self, call):
        self.calls.append(call)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        return Completion(text=self.text(call.messages[1]["content"]), usage=Usage(calls=1, input_tokens=10))

    def text(self, shown):
        first = int(re.search(r"^<<T:\w+ (\d+) \w+>>$", shown, re.MULTILINE)[1])
        is_closing = " closing: " in shown
        found = [{"category": "drift", "severity": "low", "message": 3, "note": "goes on"}]
        parts = {
            "n_user_messages": len(re.findall(r"^<<T:\w+ \d+ user>>$", shown, re.MULTILINE)),
            "evidence": [{"message": first, "quote": f"number {first}: so it goes on"}],
            "findings": [] if is_closing else found,
            "reasoning": "the end" if is_closing else f"window from {first}",
        }
        return self._make.answer(**{"label": "incoherent" if is_closing else "coherent", **parts, **self._parts})

    async def aclose(self):
        """Nothing is open."""


def judge_of(channel, rubric="coherence", **options):
    return Judge(rubric, model="m", api_key="k", **{"max_input_tokens": BUDGET, **options}).through(channel)


def shown_of(channel):
    return [call.messages[1]["content"] for call in channel.calls]


def test_each_window_is_asked_and_a_closing_call_decides(make):
    """The label is the closing call's; what was noted on the way is kept, once."""
    channel, transcript = Windows(make), make.transcript(*LONG)
    judge = judge_of(channel)
    row = asyncio.run(judge.evaluate(transcript))
    shown = shown_of(channel)

    assert (row.status, row.label, row.explanation) == ("evaluated", "incoherent", "the end")
    assert row.n_windows == len(channel.calls) - 1 == len(judge.prompts(transcript)) > 2
    assert [finding.category for finding in row.findings] == ["drift"]
    assert len(row.evidence) == row.n_windows + 1
    assert (row.n_chars_cut, row.is_unsupported, row.is_injection_suspected) == (0, False, False)
    assert (row.usage.calls, row.usage.input_tokens) == (len(channel.calls), 10 * len(channel.calls))
    assert row.metadata["token_counter"] == "estimate"
    assert {re.search(r"number (\d+): ", content)[1] for _, content in LONG} <= set(
        re.findall(r"number (\d+): ", "\n".join(shown[:-1]))
    )


def test_every_prompt_keeps_to_the_budget(make):
    """A prompt above it is refused, or silently cut, by whoever serves the model."""
    channel = Windows(make)
    asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))

    for call in channel.calls:
        assert sum(ESTIMATE.count(message["content"]) for message in call.messages) <= BUDGET
        assert call.messages[0]["content"] == RULES


def test_the_closing_prompt_holds_what_was_noted_on_each_window(make):
    """In order, inside the fence, with the numbers of the session's messages."""
    channel = Windows(make)
    row = asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))
    closing = shown_of(channel)[-1]
    records = [json.loads(line) for line in closing.split("\n") if line.startswith("{")]

    assert len(records) == row.n_windows
    assert [said["reasoning"] for said in records] == sorted(
        (said["reasoning"] for said in records), key=lambda text: int(text.split()[-1])
    )
    assert closing.count("<<T:") == closing.count("\n<<T:") + 1
    assert LONG[-1][1] in closing


def test_judges_of_one_session_read_the_same_windows(make):
    """The provider's cache serves the second judge's windows from the first one's."""
    transcript = make.transcript(*LONG)
    first, second = Windows(make), Windows(make, label="frustrated")
    asyncio.run(judge_of(first).evaluate(transcript))
    asyncio.run(judge_of(second, "frustration").evaluate(transcript))

    assert shown_of(first)[:-1] == shown_of(second)[:-1]


def test_each_call_has_a_key_of_its_own_that_any_process_makes_again(make):
    """A batch or a journal finds the answer of the third window by its key."""
    keys = []
    for _ in range(2):
        channel = Windows(make)
        asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))
        keys.append([call.key for call in channel.calls])

    assert keys[0] == keys[1]
    assert len({*keys[0]}) == len(keys[0])


def test_only_some_windows_are_asked_about_at_once(make):
    """One session must not take all of an endpoint's room."""
    channel = Windows(make)
    asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))

    assert channel.peak == 4


def test_a_window_without_a_usable_answer_fails_the_evaluation(make):
    """A verdict on four of five windows would pass for one on the session; and the rest is not paid for."""
    channel = make.channel("no JSON")
    row = asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))

    assert (row.status, row.reason, row.label) == ("failed", "JudgeAnswerError", None)
    assert row.n_windows > 4
    assert len(channel.calls) == 2


def test_an_unusable_answer_on_a_window_is_asked_for_again(make):
    """As for a session that fits."""

    class Stumbling(Windows):
        has_stumbled = False

        def text(self, shown):
            stumbles, self.has_stumbled = not self.has_stumbled, True
            return "{" if stumbles else super().text(shown)

    channel = Stumbling(make)
    row = asyncio.run(judge_of(channel).evaluate(make.transcript(*LONG)))

    assert row.status == "evaluated"
    assert row.metadata["repaired"]
    assert len(channel.calls) == row.n_windows + 2


def test_a_wrong_canary_on_one_window_makes_the_session_suspect(make):
    """Each prompt says how many user messages it shows; a judge that was led astray miscounts."""

    class Miscounting(Windows):
        def text(self, shown):
            answer = json.loads(super().text(shown))
            return json.dumps({**answer, "n_user_messages": answer["n_user_messages"] + (" window 2 of " in shown)})

    row = asyncio.run(judge_of(Miscounting(make)).evaluate(make.transcript(*LONG)))

    assert row.is_injection_suspected
    assert row.metadata["injection_signs"] == ["canary"]


def test_quotes_are_checked_against_the_whole_session(make):
    """A window's evidence names messages by their number in the session."""
    row = asyncio.run(judge_of(Windows(make)).evaluate(make.transcript(*LONG)))

    assert all(each.quote.startswith(f"number {each.message_index}: ") for each in row.evidence)


class Deferred(BaseException):
    """What a batch raises for a call that it will answer later."""


def test_a_batch_gets_all_windows_in_one_round(make):
    """It defers each call; a round for each window would take a day each."""

    class Batch(Windows):
        async def complete(self, call):
            self.calls.append(call)
            raise Deferred

    channel = Batch(make)
    judge, transcript = judge_of(channel), make.transcript(*LONG)

    with pytest.raises(Deferred):
        asyncio.run(judge.evaluate(transcript))
    assert len(channel.calls) == len(judge.prompts(transcript))


def test_a_session_that_fits_takes_one_call_and_says_so(make, transcript):
    """Most do; nothing about them changes."""
    channel = make.channel(make.answer())
    row = asyncio.run(judge_of(channel).evaluate(transcript))

    assert (len(channel.calls), row.n_windows, row.n_chars_cut) == (1, 1, 0)
    assert "token_counter" not in row.metadata
    assert judge_of(channel).messages(transcript) == channel.calls[0].messages


def test_long_tool_outputs_are_cut_to_one_prompt_and_counted(make):
    """The row says how many characters the judge did not see."""
    outputs = [("tool", f"{at} " + "row of a table " * 700) for at in range(2)]
    messages = [("user", "go"), *outputs, *[("assistant", f"step {at}") for at in range(5)]]
    channel = make.channel(make.answer("incoherent"))
    row = asyncio.run(judge_of(channel).evaluate(make.transcript(*messages)))
    marks = re.findall(r"\[… ([\d,]+) characters left out …\]>>", channel.calls[0].messages[1]["content"])

    assert (len(channel.calls), row.n_windows, row.label) == (1, 1, "incoherent")
    assert row.n_chars_cut == sum(int(mark.replace(",", "")) for mark in marks) > 0


def test_the_prompts_are_the_same_bytes_each_time(make):
    """Bar D4; what is sent is what is shown."""
    first, again = (judge_of(Windows(make)).prompts(make.transcript(*LONG)) for _ in range(2))

    assert first == again


@pytest.mark.parametrize("depth", range(11))
def test_a_needle_at_any_depth_is_in_a_prompt(make, depth):
    """Bar D4, as it is sent: 300,000 characters of an agent at work, tool outputs among them, and 8,000 tokens."""
    roles = ["user", "assistant", "tool", "assistant"]
    messages = [(roles[at % 4], f"{at} " + "so it goes on " * 268) for at in range(80)]
    place = min(79, depth * 8)
    role, content = messages[place]
    cut = len(content) * depth // 10
    messages[place] = (role, f"{content[:cut]}the needle{content[cut:]}")
    prompts = judge_of(None).prompts(make.transcript(*messages))

    assert sum(len(content) for _, content in messages) > 300_000
    assert any("the needle" in prompt[1]["content"] for prompt in prompts)
