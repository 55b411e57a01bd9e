"""The channel of a batch run: known answers at once, everything else written down and deferred."""

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.channel import CallDeferred, JudgeCall
from sessioneval.evaluators.dialect import Dialect
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.runs.batch.answers import Answers, Refused
from sessioneval.runs.batch.request_files import RequestFiles


class BatchChannel:
    """Answers what earlier batches answered; a call in no batch yet is written into one.

    A call of which an option was refused is written again without it, as live calls are, and so are all calls to
    that model from then on.

    Attributes:
        wanted: Names of the batches that deferred calls are part of.
    """

    def __init__(self, answers: Answers, files: RequestFiles) -> None:
        self._answers = answers
        self._files = files
        self._dialects: dict[tuple[str, str], Dialect] = {}
        self.wanted: set[str] = set()

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer, if a batch brought it.

        Raises:
            CallDeferred: It did not yet; the call is or will be part of a batch.
            JudgeError: The provider refused the call for good.
        """
        batch_name = self._answers.batch_of(call.key)
        if batch_name is None:
            known = self._known(call)
            if isinstance(known, Completion):
                return known
            batch_name = self._written(call, known or Dialect())
        self.wanted.add(batch_name)
        raise CallDeferred

    async def aclose(self) -> None:
        """Do nothing: the files are closed by the round."""

    def begin_round(self, files: RequestFiles) -> None:
        """Go on with new files, and with what was learned."""
        self._files = files
        self.wanted = set()

    def _known(self, call: JudgeCall) -> Completion | Dialect | None:
        """Return the answer, or the dialect to ask in after a refusal; the key is in neither, should it come back."""
        scrub = call.endpoint.scrub
        try:
            known = self._answers.of(call.key)
        except JudgeUnavailable as error:
            raise JudgeUnavailable(scrub(str(error))) from None
        if isinstance(known, Completion):
            return known.scrubbed(scrub)
        return None if known is None else _simpler(known, call)

    def _written(self, call: JudgeCall, learned: Dialect) -> str:
        """Write a call in the dialect that its endpoint takes as far as is known; return the batch it is in."""
        spoken = (call.endpoint.shown, call.model)
        dialect = self._dialects[spoken] = self._dialects.get(spoken, Dialect()).joined(learned)
        batch_name = self._files.write(call, dialect)
        self._answers.wait_for([call.key], batch_name)
        return batch_name


def _simpler(refused: Refused, call: JudgeCall) -> Dialect:
    """Return the dialect in which to ask again; each drops something, so this ends."""
    simpler = refused.dialect.after(refused.refusal, call)
    if simpler is None:
        said = call.endpoint.scrub(refused.refusal.said)
        raise JudgeRefused(f"the provider refused the call in a batch with HTTP {refused.refusal.status}: {said}")
    return simpler
