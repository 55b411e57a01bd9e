"""Compacts copies of a store, or publishes its journals, and is killed at the first, second ... step on the disk.

A step is a call of fsync, rename or unlink; each copy gets its own process. Prints how many were killed.
"""

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

from sessioneval.store.compaction import compact
from sessioneval.store.journal import abandoned
from sessioneval.store.store import Store

_STEPS = (os.fsync, os.rename, os.unlink)


def die_at(step):
    """Kill this process with -9 just before the given step."""
    steps = itertools.count(1)

    def watch(_frame, event, called):
        if event == "c_call" and called in _STEPS and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def publish_journals(store):
    for path in abandoned(store.evaluations_folder):
        store.publish_journal(path)


ACTIONS = {"compact": compact, "publish": publish_journals}


def main(action, source, copies):
    for step in itertools.count(1):
        copy = copies / str(step)
        shutil.copytree(source, copy)
        child = os.fork()
        if child == 0:
            die_at(step)
            ACTIONS[action](Store(copy))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return step - 1
        assert code == -signal.SIGKILL
    return None


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))  # noqa: T201 - read by the test
