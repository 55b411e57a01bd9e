"""The command line as a whole: help, names, exit codes."""

import subprocess
import sys
from importlib.metadata import version

import click
import pyarrow.parquet as pq
import pytest

from sessioneval.cli.main import cli

COMMANDS = [
    "demo",
    "import",
    "sessions",
    "show",
    "transcripts",
    "evaluate",
    "export",
    "compact",
    "evaluators",
    "stand-in",
]
CONTEXT = click.Context(cli)


def test_the_overview_names_every_command(run):
    """Also without any argument, where it is what a newcomer needs."""
    for result in (run("--help"), run("-h"), run()):
        assert (result.exit_code, [name for name in COMMANDS if f"\n  {name} " not in result.output]) == (0, [])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run, name):
    """Also the demo and the stand-in, without their extra."""
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: sessioneval {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    """An option without help is a riddle."""
    command = cli.get_command(CONTEXT, name)
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


@pytest.mark.parametrize("name", ["import", "sessions", "show", "transcripts", "evaluate", "compact", "evaluators"])
def test_every_answer_comes_in_all_formats_for_programs(name):
    """The contract of the design page."""
    (form,) = [option for option in cli.get_command(CONTEXT, name).params if option.name == "form"]
    assert {"json", "jsonl", "csv", "parquet"} <= set(form.type.choices)


@pytest.mark.parametrize("name", ["sessions", "transcripts", "evaluate", "export"])
def test_all_reading_commands_share_the_filters(name):
    """What selects sessions in one selects them in all."""
    options = {option for parameter in cli.get_command(CONTEXT, name).params for option in parameter.opts}
    assert {"--since", "--until", "--session", "--user", "--source", "--agent-version", "--where"} <= options


def test_the_version_is_the_package_s(run):
    """Bug reports need it."""
    assert run("--version").output == f"sessioneval {version('sessioneval')}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sesions"], "unknown command 'sesions'; did you mean 'sessions'? Known: compact,"),
        (["evaluators", "shw"], "unknown command 'shw'; did you mean 'show'? Known: init, show"),
        (["--modle"], "--modle"),
        (["sessions"], "Missing argument 'DIR'; see 'sessioneval sessions --help'"),
        (
            ["sessions", "d", "--formt", "json"],
            "--format",
        ),
        (["sessions", "d", "--format", "jsn"], "'jsn' is not one of 'text', 'json', 'jsonl', 'csv', 'parquet'"),
        (
            ["sessions", "d", "--since", "yesterday"],
            "Invalid value for '--since': 'yesterday' is no moment; write an ISO",
        ),
        (["sessions", "d", "--where", "user_id"], "Invalid value for '--where': 'user_id' is no KEY=VALUE"),
        (["sessions", "d", "--where", "user_di=1"], "unknown column 'user_di'; did you mean 'user_id'?"),
        (["sessions", "d", "--since", "1d", "--until", "2d"], "is not before until"),
        (["evaluate", "d"], "Missing argument 'EVALUATOR...'"),
        (["evaluate", "d", "turn_count", "--idle", "10"], "Invalid value for '--idle': '10' is no duration; write"),
        (["evaluate", "d", "turn_count", "--sample", "5"], "sample 5.0 is not a share; use a number from 0.0"),
        (["evaluate", "d", "turn_count", "--sample", "x"], "Invalid value for '--sample': 'x' is not a valid float"),
        (["evaluate", "d", "turn_count", "--completion", "x"], "Invalid value for '--completion': 'x' is no KEY=VALUE"),
        (["evaluate", "d", "coherense"], "unknown evaluator 'coherense'; did you mean 'coherence'? Known:"),
        (["evaluate", "d", "no.toml"], "rubric file 'no.toml': there is no such file"),
        (["evaluate", "d", "coherence"], "pass model= (on the command line --model)"),
        (["evaluate", "d", "coherence", "--model", "m"], "no key for the judge: set OPENAI_API_KEY"),
        (
            ["evaluate", "d", "coherence", "--model", "m", "--base-url", "nowhere"],
            "base_url 'nowhere' does not start with",
        ),
        (["evaluate", "d", "turn_count", "turn_count"], "evaluator 'turn_count' is given twice"),
        (["evaluators", "show", "coherense"], "unknown evaluator 'coherense'; did you mean 'coherence'?"),
        (["export", "d", "-o", "x.xlsx"], "'x.xlsx' must end in .parquet, .csv, .jsonl"),
        (["import", "x"], "Missing option '--store'"),
        (["stand-in", "--error-rate", "2"], "error_rate"),
        (["stand-in", "--port", "99999"], "port 99999 is not allowed"),
    ],
)
@pytest.mark.usefixtures("no_key")
def test_a_slip_is_one_line_and_exit_code_2(run, arguments, expected):
    """What, the value, what is allowed, what to do; nothing is read or written before."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert expected in result.stderr


@pytest.mark.parametrize(
    "arguments", [["sessions"], ["transcripts"], ["show", "s"], ["compact"], ["evaluate", "turn_count"]]
)
def test_a_wrong_store_is_one_line_and_exit_code_1(run, tmp_path, arguments):
    """The message names the directory and what to give."""
    command, *rest = arguments
    for missing in (tmp_path / "nowhere", tmp_path):
        result = run(command, missing, *rest)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"error: no store at {str(missing)!r}: ")
        assert len(result.stderr.splitlines()) == 1


def test_the_message_about_a_hostile_argument_is_one_safe_line(run, tmp_path):
    """Arguments come from scripts; an error must not steer the terminal or fill it."""
    result = run("show", tmp_path / ("\x1b[2J\n" + "x" * 5_000), "s")
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert (len(result.stderr.splitlines()), len(result.stderr) < 2_100) == (1, True)


def test_help_loads_neither_pandas_nor_openai_nor_pyarrow():
    """Help that takes a second is not asked for."""
    code = (
        "import sys\nfrom sessioneval.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'pandas', 'openai', 'pyarrow', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_what_the_library_logs_looks_like_a_warning(start, store):
    """Here a data page of a file is damaged: one safe line on stderr, no time stamps, no traceback."""
    (path,) = (store / "spans").rglob("*.parquet")
    column = pq.read_metadata(path).row_group(0)
    offsets = {column.column(i).path_in_schema: column.column(i).data_page_offset for i in range(column.num_columns)}
    (offset,) = [
        at for name, at in offsets.items() if name == "attributes.llm.output_messages.list.element.message.role"
    ]
    data = bytearray(path.read_bytes())
    data[offset : offset + 40] = b"\xff" * 40
    path.write_bytes(data)
    process = start("transcripts", store)
    _, errors = process.communicate()
    assert process.returncode == 0
    assert [line.startswith("warning: ") for line in errors.decode().splitlines()] == [True]
