"""Runs the blocks of a Markdown page as its reader would: ``python tests/markdown_page.py PAGE`` in an empty directory.

In order, in one process and one namespace:

- ``python`` blocks are executed; a ``text`` block right after one is what it prints.
- ``console`` blocks are typed into bash, each ``$`` line for itself; the lines below it, if any, are its output.
- A block of any language that begins with a comment such as ``# app.py`` is written to that file instead.
- A block after ``<!-- not run: reason -->`` is left out.

In expected output ``...`` stands for anything, and white space and rulers do not count. Tracebacks name the page's lines.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

_FENCE = "```"
_FILE = re.compile(r"# (\w[\w.-]*\.\w+)")
_NOT_RUN = re.compile(r"<!-- not run: .+ -->")
_SPACE = re.compile(r"[\s─]+")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is the index of its opening fence from 0."""

    language: str
    line: int
    lines: tuple[str, ...]
    is_run: bool

    @property
    def end(self) -> int:
        """Index of the closing fence."""
        return self.line + len(self.lines) + 1

    @property
    def text(self) -> str:
        """What stands between the fences."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def file(self) -> str | None:
        """The file that the block is, if it says so in its first line."""
        match = _FILE.fullmatch(self.lines[0]) if self.lines else None
        return match[1] if match else None


def blocks(page: str) -> Iterator[Block]:
    """Return the fenced blocks of a page."""
    lines = page.splitlines()
    opened: int | None = None
    for index, line in enumerate(lines):
        if not line.startswith(_FENCE):
            continue
        if opened is None:
            opened = index
            continue
        is_run = not (opened and _NOT_RUN.fullmatch(lines[opened - 1]))
        yield Block(lines[opened].removeprefix(_FENCE), opened, tuple(lines[opened + 1 : index]), is_run)
        opened = None


def script(page: str) -> str:
    """Return Python that does what the page shows, each piece in the page's own line."""
    lines = [""] * len(page.splitlines())
    found = list(blocks(page))
    for block, following in zip_longest(found, found[1:]):
        if not block.is_run:
            continue
        if block.file:
            lines[block.line] = f"write_file({block.file!r}, {block.text!r})"
        elif block.language == "console":
            lines[block.line] = f"run_console({block.lines!r})"
        elif block.language == "python":
            lines[block.line + 1 : block.end] = block.lines
            lines[block.end] = f"check_printed({_expected(page, block, following)!r})"
    return "\n".join(lines)


def _expected(page: str, block: Block, following: Block | None) -> str | None:
    """Return the text that a block prints, if it stands right below it."""
    if following is None or following.language != "text":
        return None
    between = page.splitlines()[block.end + 1 : following.line]
    return None if any(between) else following.text


def commands(lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return each command of a console block with the output that is shown below it."""
    text = "\n".join(lines).replace("\\\n", "")
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def is_like(actual: str, expected: str) -> bool:
    """Return whether the output is what the page shows."""
    parts = (re.escape(_plain(part)) for part in expected.split("..."))
    return (
        re.fullmatch(r"\s*" + r"[\s\S]*".join(rf"\s*{part}\s*" for part in parts) + r"\s*", _plain(actual)) is not None
    )


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def write_file(name: str, text: str) -> None:
    """Write a file that the page shows."""
    Path(name).write_text(text, encoding="utf-8")


def run_console(lines: tuple[str, ...]) -> None:
    """Type the commands and compare what they print."""
    for command, expected in commands(lines):
        done = subprocess.run(
            ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"$ {command}\n{done.stdout}exit code {done.returncode}")
        if expected.strip() and not is_like(done.stdout, expected):
            raise AssertionError(f"$ {command}\nprinted\n{done.stdout}\nbut the page shows\n{expected}")


def check_printed(expected: str | None) -> None:
    """Compare what the block above printed, and forget it."""
    printed = sys.stdout.getvalue()
    sys.stdout.seek(0)
    sys.stdout.truncate()
    if expected is not None and not is_like(printed, expected):
        raise AssertionError(f"printed\n{printed}\nbut the page shows\n{expected}")


def main(path: Path) -> None:
    """Run a page."""
    page = path.read_text(encoding="utf-8")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    sys.stdout = io.StringIO()
    names = {
        "__name__": "__main__",
        "write_file": write_file,
        "run_console": run_console,
        "check_printed": check_printed,
    }
    exec(compile(script(page), path, "exec"), names)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
