"""Where the SIGTERM handler refuses to be installed; what it does is in test_crash_safety."""

import signal
import threading

import pytest

from sessioneval.errors import InputError
from sessioneval.instrument.signal_flush import flush_on_sigterm


def test_outside_the_main_thread_it_only_warns(provider, caplog):
    """Python allows signal handlers in the main thread only; a web framework may import the app elsewhere."""
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=flush_on_sigterm, args=(provider,))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before
    assert "no flush on SIGTERM" in caplog.text


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_bound_that_is_not_positive_is_refused(provider, seconds):
    """It would end the process with its spans, which is what the handler is there to avoid."""
    with pytest.raises(InputError, match=f"timeout_seconds is {seconds}"):
        flush_on_sigterm(provider, timeout_seconds=seconds)
