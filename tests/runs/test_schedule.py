"""Which evaluation is next: nothing lost, judges served fairly, the first judge of a session before the others."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_factory import assistant, llm, transcript, user

from sessioneval.runs.schedule import Schedule, primed


class Judging:
    """An evaluator as far as the schedule knows one."""

    def __init__(self, name, prefix_key=None):
        self.name = name
        if prefix_key:
            self.prefix_key = prefix_key


def talk(number):
    return transcript(llm(number + 1, [user(f"hi {number}")], [assistant("hello")], session=f"s{number}"))


TALK = talk(0)


def test_judges_with_one_prefix_wait_for_the_first_of_them():
    """The first fills the provider's cache; code and judges elsewhere have nothing to wait for."""
    near, also_near, far, code = Judging("a", "p"), Judging("b", "p"), Judging("c", "q"), Judging("d")
    jobs = primed(TALK, [near, also_near, far, code])
    assert [job.evaluator for job in jobs] == [near, far, code]
    assert [[follower.evaluator for follower in job.followers] for job in jobs] == [[also_near], [], []]


@pytest.mark.parametrize(("is_primed", "started"), [(True, ["b", "c"]), (False, ["b"])])
def test_followers_start_together_once_a_model_has_read_the_prompt(is_primed, started):
    """A call that was never answered filled no cache: then the next one goes ahead."""

    async def main():
        schedule = Schedule(max_sessions=1)
        await schedule.add(TALK, [Judging(name, "p") for name in "abc"])
        job = await schedule.take()
        schedule.finish(job, is_primed=is_primed)
        return [(await schedule.take()).evaluator.name for _ in started]

    assert asyncio.run(main()) == started


def test_a_slow_judge_does_not_hold_up_the_others():
    """The next job is one of the judge with the fewest under way."""

    async def main():
        slow, quick = Judging("slow"), Judging("quick")
        schedule = Schedule(max_sessions=100)
        for number in range(20):
            await schedule.add(talk(number), [slow, quick])
        taken = []
        for _ in range(20):
            job = await schedule.take()
            taken.append(job.evaluator.name)
            if job.evaluator is quick:
                schedule.finish(job, is_primed=True)
        return taken

    assert asyncio.run(main()).count("slow") == 1


def test_who_adds_waits_while_too_many_sessions_are_open():
    """Transcripts are memory: the reader goes no faster than the judges."""

    async def main():
        schedule = Schedule(max_sessions=2)
        judge = Judging("a")
        await schedule.add(talk(0), [judge])
        await schedule.add(talk(1), [judge])
        third = asyncio.create_task(schedule.add(talk(2), [judge]))
        await asyncio.wait([third], timeout=0.01)
        waited = not third.done()
        schedule.finish(await schedule.take(), is_primed=True)
        await third
        return waited

    assert asyncio.run(main())


def test_a_closed_schedule_gives_out_nothing():
    """After Ctrl-C no new call is paid for."""

    async def main():
        schedule = Schedule(max_sessions=2)
        await schedule.add(TALK, [Judging("a")])
        waiting = asyncio.create_task(schedule.take())
        await waiting
        schedule.close()
        return await schedule.take()

    assert asyncio.run(main()) is None


@given(
    judges=st.lists(st.sampled_from(["p", "q", None]), min_size=1, max_size=5),
    n_sessions=st.integers(0, 8),
    n_workers=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_every_pair_is_given_out_exactly_once(judges, n_sessions, n_workers, seed):
    """Whatever fails, whoever is slow: no item is lost and none comes twice."""
    evaluators = [Judging(str(number), prefix_key) for number, prefix_key in enumerate(judges)]
    talks = [talk(number) for number in range(n_sessions)]
    chance = random.Random(seed)
    seen = []

    async def feed(schedule):
        for each in talks:
            await schedule.add(each, evaluators)
        schedule.complete()

    async def work(schedule):
        while (job := await schedule.take()) is not None:
            await asyncio.sleep(0)
            seen.append((job.transcript.session_id, job.evaluator.name))
            schedule.finish(job, is_primed=chance.random() < 0.5)

    async def main():
        schedule = Schedule(max_sessions=3)
        feeding = asyncio.create_task(feed(schedule))
        # One taker at a time, as the engine has it; workers here share it in turns.
        for _ in range(n_workers):
            await work(schedule)
        await feeding

    asyncio.run(main())
    assert sorted(seen) == sorted((each.session_id, one.name) for each in talks for one in evaluators)
