"""Checklist items, examples, references, tools and variables of a rubric, from a file and in Python."""

import pytest

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.rubric import Rubric, render_checklist, render_question
from sessioneval.evaluators.rubric_parts import ChecklistItem, Example
from sessioneval.evaluators.splits import split_of

TRAIN, DEV, TEST = (
    next(f"chat-{number}" for number in range(1_000) if split_of(f"chat-{number}") == split)
    for split in ("train", "dev", "test")
)
GOOD = f"""
name = "success"
version = "1"
question = "By this definition: {{{{ definition }}}}"
reference = ["user_goal", "expected_actions"]
tools = true

[variables]
definition = "the user is happy"
category = "billing"

[labels.success]
score = 1
definition = "It was."
[labels.failure]
score = 0.0
[definitions]
failure = "It was not."

[[checklist]]
id = "is_escalated"
question = "Handed over, in {{{{category}}}}?"
answers = ["yes", "no"]

[[checklist]]
id = "intentions"
question = "Each?"
answers = ["resolved", "unresolved"]
open = true

[[checklist]]
id = "failure_reason"
question = "Why?"

[[examples]]
session = "{TRAIN}"
split = "train"
excerpt = "[0] user: hi"
label = "failure"
reason = "nobody answered"
"""


@pytest.fixture
def from_text(tmp_path):
    def read(text):
        path = tmp_path / "rubric.toml"
        path.write_text(text)
        return Rubric.from_file(path)

    return read


def test_a_file_may_hold_every_part(from_text):
    """A judge with a checklist, examples and a reference is still one file."""
    rubric = from_text(GOOD)
    assert dict(rubric.labels) == {"success": 1.0, "failure": 0.0}
    assert dict(rubric.definitions) == {"success": "It was.", "failure": "It was not."}
    assert (rubric.reference, rubric.tools) == (("user_goal", "expected_actions"), True)
    assert [(item.id, item.answers, item.is_open) for item in rubric.checklist] == [
        ("is_escalated", ("yes", "no"), False),
        ("intentions", ("resolved", "unresolved"), True),
        ("failure_reason", (), False),
    ]
    assert rubric.examples[0] == Example(
        session=TRAIN, split="train", excerpt="[0] user: hi", label="failure", reason="nobody answered"
    )
    assert render_question(rubric) == "By this definition: the user is happy"
    lines = render_checklist(rubric).split("\n")
    assert lines[0] == "- is_escalated (one of: yes, no): Handed over, in billing?"
    assert lines[1].startswith("- intentions (any number of entries")
    assert lines[2] == "- failure_reason (a short text): Why?"


def test_a_reference_may_be_one_name(from_text):
    """The usual case needs no list."""
    text = GOOD.replace('["user_goal", "expected_actions"]', '"user_goal"')
    assert from_text(text).reference == ("user_goal",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("score = 1\n", "", "label 'success' has no score"),
        ("score = 1\n", "scroe = 1\n", "unknown key in labels.success 'scroe'; did you mean 'score'?"),
        ("score = 1\n", "score = nan\n", "score of label 'success' is nan"),
        ("[definitions]\n", '[definitions]\nsuccess = "twice"\n', "label 'success' is defined twice"),
        ('id = "is_escalated"', 'id = "Is escalated"', "checklist id 'Is escalated' is not allowed"),
        ('id = "is_escalated"', 'id = "intentions"', "two checklist items have one id"),
        ('id = "is_escalated"\n', "", "an entry of checklist has no 'id'"),
        ('question = "Why?"', 'question = " "', "question of checklist item 'failure_reason' is ' '"),
        ('question = "Why?"', 'question = "{{why}}"', "unknown variable in the checklist 'why'"),
        ('answers = ["yes", "no"]', 'answers = "yes"', "answers = 'yes'"),
        ('answers = ["yes", "no"]', 'answers = ["yes", "YES"]', "differ only in case"),
        ('answers = ["yes", "no"]', "answers = [1, 2]", "an answer of checklist item 'is_escalated' is 1"),
        ("open = true", 'open = "yes"', "open = 'yes'"),
        ("open = true", "opne = true", "unknown key in checklist 'opne'; did you mean 'open'?"),
        ("[[checklist]]", "[checklist]", "is not valid UTF-8 TOML"),
        (f'session = "{TRAIN}"', f'session = "{DEV}"', "whose split is 'dev'"),
        (f'session = "{TRAIN}"', f'session = "{TEST}"', "whose split is 'test'"),
        ('split = "train"', 'split = "test"', "(given: 'test')"),
        ('split = "train"\n', "", "an entry of examples has no 'split'"),
        (f'session = "{TRAIN}"\n', "", "an entry of examples has no 'session'"),
        ('label = "failure"', 'label = "failed"', "unknown label of an example 'failed'; did you mean 'failure'?"),
        ("tools = true", 'tools = "all"', "tools is 'all'; it must be true or false"),
        ('["user_goal", "expected_actions"]', '["user_goal", ""]', "a name in reference is ''"),
        ('["user_goal", "expected_actions"]', "7", "reference is 7"),
        ('category = "billing"', "category = 7", "variable 'category' is 7"),
        ('category = "billing"', 'labels = "billing"', "variable 'labels' is not allowed"),
        (
            "{{ definition }}",
            "{{ definiton }}",
            "unknown variable in the question 'definiton'; did you mean 'definition'?",
        ),
    ],
)
def test_a_wrong_part_is_refused_with_what_is_allowed(from_text, old, new, expected):
    """Whatever is wrong in a rubric is found before a session is paid for."""
    assert old in GOOD
    text = GOOD.replace(old, new, 1) if not old.startswith("[[checklist") else GOOD.replace(old, new)
    with pytest.raises(InputError) as error:
        from_text(text)
    assert expected in str(error.value)


def test_a_checklist_must_be_tables(from_text):
    """A list of questions has no ids to store the answers under."""
    head = GOOD[: GOOD.index("[variables]")].replace("{{ definition }}", "it")
    labels = "labels = { y = 1, n = 0 }\n"
    with pytest.raises(
        InputError, match=r"checklist is 'a'; it must be a list of tables, each under \[\[checklist\]\]"
    ):
        from_text(f'{head}{labels}checklist = "a"')
    with pytest.raises(InputError, match="checklist holds 'a'; it must hold tables"):
        from_text(f'{head}{labels}checklist = ["a"]')


def test_examples_come_from_the_train_split_in_python_too():
    """The leak check is in the object, not in the file reader: no path around it."""
    for session in (DEV, TEST):
        with pytest.raises(InputError, match="may only come from the split 'train'"):
            Example(session=session, split="train", excerpt="a", label="b")


def test_variables_are_replaced_and_unknown_ones_refused():
    """One rubric serves many teams, each with its own definition; a slip is not silently ignored."""
    rubric = Rubric(
        name="a", version="1", question="Is {{what}} done?", labels={"y": 1, "n": 0}, variables={"what": "it"}
    )
    assert render_question(rubric.with_variables({"what": "the {{labels}}"})) == "Is the {{labels}} done?"
    assert rubric.with_variables({}) is rubric
    with pytest.raises(UnknownName, match="unknown variable of rubric 'a' 'waht'; did you mean 'what'"):
        rubric.with_variables({"waht": "x"})
    with pytest.raises(InputError, match="variable 'what' is 3"):
        rubric.with_variables({"what": 3})


def test_a_free_item_takes_any_text_and_a_closed_one_its_own():
    """Which of the two an item is follows from its list."""
    closed = ChecklistItem(id="a", question="q", answers=["Yes", "no"])
    assert [closed.answer_of(text) for text in ("yes ", "NO", "maybe", "")] == ["Yes", "no", None, None]
    free = ChecklistItem(id="a", question="q")
    assert [free.answer_of(text) for text in (" anything ", " ")] == ["anything", None]
    with pytest.raises(InputError, match="is a text; give a list"):
        ChecklistItem(id="a", question="q", answers="yes")


def test_tools_are_shown_or_not():
    """A list of tools goes to the judge, not into the rubric: `Judge(..., tools=[...])`."""
    with pytest.raises(InputError, match=r"tools is \['search'\]; it must be true or false"):
        Rubric(name="a", version="1", question="q", labels={"y": 1, "n": 0}, tools=["search"])
