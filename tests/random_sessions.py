"""Random sessions of an imagined app: chats, tools, delegates, side calls, and everything that goes wrong."""

from hypothesis import strategies as st
from span_factory import assistant, call, llm, message, span, system, tool, user

from sessioneval.model import columns as c

LONG = "A sentence that is long enough to be quoted in a prompt, or sent on, and to be known again by its words."
TEXTS = st.sampled_from(
    ["yes", "no", "Paris", " yes ", LONG, "__REDACTED__", "[redacted]", "é\xa0", "\n", "42", "go on"]
)
PROMPTS = st.sampled_from(["Be kind.", "Be brief.", f"Known: {LONG}", ""])
NAMES = st.sampled_from(["lookup", "search", ""])


class App:
    """Writes the spans of one session while things happen in it."""

    def __init__(self, draw, session, first):
        self.draw = draw
        self.session = session
        self.rows = []
        self.number = self.first = first
        self.trace = first
        self.clock = 0.0
        self.parent = None
        self.prompt = [system("Be kind.")]
        self.history = []
        self.n_calls = 0

    def write(self, kind="CHAIN", **more):
        """Add a span and return its number."""
        self.number += 1
        self.clock += self.draw(st.sampled_from([1, 1, 1, 0, 0.5]))
        more = {"trace": self.trace, "parent": self.parent, "at": self.clock, "session": self.session} | more
        more = {"seconds": self.draw(st.sampled_from([0.5, 0.5, 0.9, 5]))} | more
        self.rows.append(span(self.number, kind=kind, **more))
        return self.number

    def ask(self, sent, said, **more):
        """Add a model call."""
        made = llm(0, sent, said)
        columns = {"INPUT_MESSAGES": made[c.INPUT_MESSAGES], "OUTPUT_MESSAGES": made[c.OUTPUT_MESSAGES]}
        return self.write("LLM", **columns | more)

    def unique(self, text):
        return f"{text} {self.number}"

    def text(self):
        text = self.draw(TEXTS)
        return text if self.draw(st.integers(0, 3)) == 0 else self.unique(text)

    def turn(self):
        """Open a trace, under an AGENT span at times."""
        self.trace += 1
        self.parent = None
        if self.draw(st.booleans()):
            agent = self.draw(st.sampled_from([None, "boss", ""]))
            self.parent = self.write("AGENT", AGENT_NAME=agent, seconds=30)
        self.history.append(user(self.text()))
        self.answer()

    def answer(self):
        said = assistant(self.text())
        self.ask([*self.prompt, *self.history], [said])
        self.history.append(said)

    def return_answer(self):
        """Let the turn's AGENT return a text that was said in it."""
        if self.parent is not None:
            last = next((m[c.MESSAGE_CONTENT] for m in reversed(self.history) if m[c.MESSAGE_CONTENT]), None)
            row = next((row for row in self.rows if row[c.SPAN_ID] == f"{self.parent:016x}"), {})
            row[c.OUTPUT_VALUE] = self.draw(st.sampled_from([last, "something else", f'{{"output": "{last}"}}', ""]))

    def tools(self):
        """Call tools; results come by history, by TOOL spans, by both or not at all."""
        calls, results = [], []
        for _ in range(self.draw(st.integers(1, 2))):
            self.n_calls += 1
            identifier = self.draw(st.sampled_from([f"c{self.session}{self.n_calls}"] * 6 + ["same", ""]))
            calls.append(call(identifier, self.draw(NAMES), n=self.draw(st.integers(0, 1))))
        asked = assistant(self.draw(st.sampled_from([None, "Let me look.", self.unique("Wait")])), *calls)
        self.history.append(user(self.text()))
        self.ask([*self.prompt, *self.history], [asked])
        for each in calls:
            results += self.execution(each)
        self.history += [asked, *results]
        if self.draw(st.integers(0, 4)):
            self.answer()

    def execution(self, asked):
        how = self.draw(st.sampled_from(["both", "both", "history", "span", "neither"]))
        text = self.text()
        if how in ("both", "span"):
            known = self.draw(st.sampled_from([asked[c.CALL_ID]] * 4 + [None, "other"]))
            error = self.draw(st.sampled_from(["OK", "OK", "ERROR"]))
            value = self.draw(st.sampled_from([text, text, text, None]))
            name = asked[c.CALL_NAME]
            known_by = {"TOOL_NAME": name} if self.draw(st.booleans()) else {"NAME": name}
            given = {
                "INPUT_VALUE": asked[c.CALL_ARGUMENTS],
                "TOOL_PARAMETERS": self.draw(st.sampled_from(['{"n": 0}', ""])),
            }
            given = {key: text for key, text in given.items() if self.draw(st.booleans())}
            columns = {"TOOL_CALL_ID": known, "OUTPUT_VALUE": value, "STATUS_CODE": error}
            number = self.write("TOOL", **columns | known_by | given)
            if self.draw(st.integers(0, 3)) == 0:
                self.delegate(number)
        if how in ("both", "history"):
            answers = self.draw(st.sampled_from([asked[c.CALL_ID]] * 5 + [None]))
            return [tool(text, answers, self.draw(st.sampled_from([None, asked[c.CALL_NAME]])))]
        return []

    def delegate(self, above=None):
        """Let another agent work, inside a tool or beside it."""
        parent = self.parent if above is None else above
        agent = self.write("AGENT", parent=parent, AGENT_NAME="delegate")
        sent = [system(self.draw(PROMPTS)), user(self.unique("Do this"))]
        said = assistant(self.draw(st.sampled_from([self.unique("Done"), LONG, self.text()])))
        self.ask(sent, [said], parent=agent)
        if self.draw(st.booleans()):
            more = [*sent, said, user(self.unique("More"))]
            self.ask(more, [assistant(self.unique("Done"))], parent=agent)

    def delegate_by_tool(self):
        """Let a delegate's words come back as a tool's result."""
        self.tools()

    def title(self):
        self.ask([system("Title?"), *self.history[:1]], [assistant(self.unique("Title"))])

    def guardrail(self):
        kind = self.draw(st.sampled_from(["GUARDRAIL", "EVALUATOR", "RETRIEVER"]))
        number = self.write(kind)
        self.ask([user(self.text())], [assistant("safe")], parent=number)

    def window(self):
        self.history = self.history[self.draw(st.integers(0, 4)) :]

    def edit(self):
        self.history = self.history[: self.draw(st.integers(0, 6))]

    def new_prompt(self):
        texts = self.draw(st.lists(PROMPTS, max_size=2))
        self.prompt = [system(text) for text in texts]

    def retry(self):
        self.ask([*self.prompt, *self.history], self.draw(st.sampled_from([[], [message(None)]])), STATUS_CODE="ERROR")

    def twice(self):
        """Show the last span again, as a second instrumentation does."""
        row = dict(self.draw(st.sampled_from(self.rows))) if self.rows else None
        if row:
            self.number += 1
            row[c.SPAN_ID] = f"{self.number:016x}"
            row[c.START_TIME] += self.draw(st.sampled_from([0, 10**8]))
            row[c.TRACE_ID] = self.draw(st.sampled_from([row[c.TRACE_ID], f"{self.trace + 500:032x}"]))
            self.rows.append(row)

    def child_call(self):
        if self.rows:
            row = self.rows[-1]
            sent, said = row.get(c.INPUT_MESSAGES) or [], row.get(c.OUTPUT_MESSAGES) or []
            self.ask(sent, said, parent=int(row[c.SPAN_ID], 16), trace=int(row[c.TRACE_ID], 16))

    def parts(self):
        kinds = ["text", "image", "reasoning", "tool_use", None]
        part = {c.PART_TYPE: self.draw(st.sampled_from(kinds)), c.PART_TEXT: self.draw(TEXTS)}
        both = self.draw(st.booleans())
        self.history.append(user(self.text() if both else None, parts=[part]))
        self.answer()

    def stripped(self):
        """Send the history on without outer white space."""
        self.history = [
            {**m, c.MESSAGE_CONTENT: m[c.MESSAGE_CONTENT] and m[c.MESSAGE_CONTENT].strip()} for m in self.history
        ]

    def plain(self):
        self.trace += 1
        self.parent = None
        kind = self.draw(st.sampled_from(["CHAIN", "UNKNOWN", "TOOL", "LLM", "HTTP"]))
        self.write(kind, INPUT_VALUE=self.draw(TEXTS), OUTPUT_VALUE=self.draw(TEXTS))

    def silent(self):
        self.write(self.draw(st.sampled_from(["CHAIN", "UNKNOWN", "RETRIEVER", "PROMPT", "LLM"])))

    def marker(self):
        self.write(SESSION_STATUS="completed", DROPPED_ATTRIBUTES=3)

    def cut(self):
        """Lose the newest messages of an input to a limit on the length of attributes."""
        kept = self.history[: self.draw(st.integers(0, len(self.history)))]
        if kept and kept[-1][c.MESSAGE_CONTENT]:
            kept = [*kept[:-1], {**kept[-1], c.MESSAGE_CONTENT: kept[-1][c.MESSAGE_CONTENT][:2] + "…"}]
        said = assistant(self.text())
        self.ask([*self.prompt, *kept, message("truncated")], [said])
        self.history += [user(self.text()), said]

    def cut_result(self):
        """Send a result on in part; the whole stands on the tool's own span."""
        self.n_calls += 1
        identifier = f"c{self.session}{self.n_calls}"
        asked = assistant(None, call(identifier, "lookup", n=1))
        self.history.append(user(self.text()))
        self.ask([*self.prompt, *self.history], [asked])
        self.write("TOOL", TOOL_NAME="lookup", TOOL_CALL_ID=identifier, OUTPUT_VALUE=LONG)
        self.history += [asked, tool(LONG[: self.draw(st.integers(0, 9))] + "…", identifier)]
        self.answer()

    def lost_question(self):
        """Record no input where the turn's own span has one."""
        self.trace += 1
        self.parent = None
        taken = self.draw(st.sampled_from([{"INPUT_VALUE": self.text()}, {"INPUT_MESSAGES": [user(self.text())]}]))
        self.parent = self.write("AGENT", seconds=30, **taken)
        sent = self.draw(st.sampled_from([[], [user(None)], [system("Be kind.")]]))
        self.ask(sent, [assistant(self.text())])

    def lost_text(self):
        """Send tool calls again without the text that came with them."""
        self.history = [{**m, c.MESSAGE_CONTENT: None} if m[c.MESSAGE_TOOL_CALLS] else m for m in self.history]

    def odd_roles(self):
        role = self.draw(st.sampled_from(["developer", "human", "Model", "critic", "function", "", "SYSTEM"]))
        self.history.append(message(role, self.text(), answers=self.draw(st.sampled_from([None, "c"]))))
        self.answer()

    def returned_messages(self):
        """Let the turn's AGENT return messages."""
        row = next((row for row in self.rows if row[c.SPAN_ID] == f"{self.parent or 0:016x}"), None)
        if row:
            last = [m for m in self.history if m[c.MESSAGE_ROLE] == "assistant"][-1:]
            row[c.OUTPUT_MESSAGES] = self.draw(st.sampled_from([last, [assistant("something else")], []]))

    def seen_by_two(self):
        """Show the next call by two instrumentations."""
        self.history.append(user(self.text()))
        said = assistant(self.text())
        for response in self.draw(st.sampled_from([("r", "r"), ("r", "q"), (None, None)])):
            self.ask([*self.prompt, *self.history], [said], seconds=5, RESPONSE_ID=response)
        self.history.append(said)

    def odd_answer(self):
        """Answer with nothing, with several messages, or in another role."""
        said = self.draw(
            st.sampled_from(
                [
                    [assistant("")],
                    [assistant("one"), assistant("two")],
                    [user("as a user")],
                    [message(None, "without a role")],
                    [assistant("text"), assistant(None, call("late", "lookup"))],
                    [tool("a result", "x")],
                ]
            )
        )
        self.history.append(user(self.text()))
        self.ask([*self.prompt, *self.history], said, OUTPUT_VALUE=self.draw(st.sampled_from(["", None])))
        self.history += said

    def names(self):
        self.history.append(user(self.text(), name=self.draw(st.sampled_from(["Ann", ""]))))
        self.answer()

    def skewed(self):
        if self.rows:
            row = self.rows[self.draw(st.integers(0, len(self.rows) - 1))]
            row[c.START_TIME] += self.draw(st.sampled_from([-(10**9), 2 * 10**9]))

    def lost(self):
        if self.rows:
            del self.rows[self.draw(st.integers(0, len(self.rows) - 1))]

    def other_session(self):
        if self.rows:
            self.rows[-1][c.SESSION_ID] = self.draw(st.sampled_from(["other", None]))


COMMON = ("turn", "turn", "turn", "tools", "tools", "return_answer", "delegate")
ODD = tuple(
    name
    for name in vars(App)
    if name not in (*COMMON, "write", "ask", "unique", "text", "answer", "execution") and not name.startswith("_")
)


@st.composite
def sessions(draw, odd_share=3):
    """Return the spans of a few sessions, most of what happens being ordinary."""
    rows = []
    for number in range(draw(st.integers(1, 3))):
        app = App(draw, f"s{number}", 1000 * (number + 1))
        ordinary = draw(st.integers(0, odd_share)) > 0
        for _ in range(draw(st.integers(1, 7))):
            names = COMMON if ordinary or draw(st.booleans()) else ODD
            getattr(app, draw(st.sampled_from(names)))()
        rows += app.rows
    return rows
