"""Calls beside the talk in apps that send no history, and in apps whose checks come before the answer."""

import pytest
from span_factory import assistant, llm, said, span, system, transcript, user

HELP, CHECK = system("Help."), system("Say SAFE or UNSAFE.")


def turn(number, question, answer, *, check=None):
    """Return a turn of an app without memory in a trace of its own; `check` is what a guardrail says before it."""
    more = {"trace": number, "parent": 10 * number}
    rows = [span(10 * number, kind="AGENT", trace=number, at=10 * number, seconds=5, OUTPUT_VALUE=answer)]
    if check is not None:
        rows.append(llm(10 * number + 1, [CHECK, user(question)], [assistant(check)], at=10 * number + 1, **more))
    rows.append(llm(10 * number + 2, [HELP, user(question)], [assistant(answer)], at=10 * number + 2, **more))
    return rows


def test_title_of_a_talk_is_no_turn_of_an_app_without_memory():
    """The title's call is the only one that is told what was said, and the app goes on without it."""
    talk = [user("Where?"), assistant("Here."), user("Find a title.")]
    rows = [*turn(1, "Where?", "Here."), llm(99, talk, [assistant("Places")], trace=9, at=17), *turn(2, "Why?", "So.")]
    made = transcript(*rows)
    assert said(made) == ["system: Help.", "user: Where?", "assistant: Here.", "user: Why?", "assistant: So."]
    assert made.loss.spans_ignored["side_call"] == 1


def test_prompt_that_changes_with_the_talk_is_no_sign_of_a_side_call():
    """An app that puts the time into its instructions and sends its history is one talk."""
    first = llm(1, [system("It is noon."), user("Where?")], [assistant("Here.")])
    sent = [system("It is one."), user("Where?"), assistant("Here."), user("Why?")]
    made = transcript(first, llm(2, sent, [assistant("So.")], trace=2, at=5))
    assert [line for line in said(made) if not line.startswith("system")] == [
        "user: Where?", "assistant: Here.", "user: Why?", "assistant: So."
    ]  # fmt: skip


@pytest.mark.parametrize("n_turns", [1, 2, 3])
def test_check_before_each_answer_is_not_the_talk(n_turns):
    """Check and answer are equally many; the turn returned the answer."""
    rows = [row for n in range(1, n_turns + 1) for row in turn(n, f"question {n}", f"answer {n}", check="SAFE")]
    made = transcript(*rows)
    assert said(made)[1:3] == ["user: question 1", "assistant: answer 1"]
    assert made.loss.spans_ignored == {"side_call": n_turns}


def test_lane_that_says_the_same_each_time_is_the_check():
    """Without spans of the turns the answers tell: a check has one word for everything."""
    rows = [
        llm(2 * n + kind, [prompt, user(f"question {n}")], [assistant(answer)], trace=1, at=2 * n + kind)
        for n in range(1, 4)
        for kind, prompt, answer in ((0, CHECK, "SAFE"), (1, HELP, f"answer {n}"))
    ]
    made = transcript(*rows)
    assert [one.content for one in made.messages if one.role == "assistant"] == ["answer 1", "answer 2", "answer 3"]
