"""Programs of all kinds, results of all kinds, and workers that are killed: no fault, and nothing left behind.

``ATLAS_FUZZ=20000`` sets the number of executions, over all tiers, with programs that differ from run to run; without
it a few hundred are run, always the same.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from fuzzing import PROGRAMS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observed import children, well_formed

from atlas.errors import SandboxError
from atlas.problem import Call
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.canary import TIERS
from atlas.sandbox.job import Files, Job, Outcome, observe

WANTED = int(os.environ.get("ATLAS_FUZZ", "0"))
LIMITS = Limits(cpu_s=0.1, wall_s=0.5, memory_mb=128, output_bytes=1 << 14, processes=4)


def rounds(usual):
    """Return hypothesis's settings for so many examples, or for as many as are asked for.

    An example is a program on more than one input, for each tier.
    """
    return settings(
        max_examples=WANTED // (len(TIERS) + 1) or usual,
        derandomize=not WANTED,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def littered():
    """Files that a program of the fuzz would leave where it may not write."""
    return [
        name
        for folder in ("/", "/tmp", "/dev/shm")
        if os.path.isdir(folder)
        for name in os.listdir(folder)
        if name == "evil"
    ]


class Fuzzed:
    """A sandbox in a loop of its own: hypothesis calls plain functions."""

    def __init__(self, tier):
        self.loop = asyncio.new_event_loop()
        try:
            self.sandbox = self.loop.run_until_complete(Sandbox.start(1, tier=tier))
        except SandboxError:
            self.loop.close()  # else its sockets close at some collection of garbage, in another tier's count
            raise
        self.ends = Counter()

    def run(self, program, inputs, limits=LIMITS):
        seen = self.loop.run_until_complete(self.sandbox.run(program, inputs, limits))
        self.ends.update(str(s.status) for s in seen)
        return seen

    def state(self):
        nursery = self.sandbox._nursery._process.pid
        descriptors = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), nursery)]
        left = self.run(
            Program("import os\ndef f(): return os.listdir('.') if os.getcwd() != '/' else []", "f"), [Call(())]
        )
        return children(nursery), descriptors, left[0].value, littered()

    def close(self):
        self.loop.run_until_complete(self.sandbox.aclose())
        self.loop.close()


@pytest.fixture(scope="module", params=TIERS)
def fuzzed(request):
    try:
        made = Fuzzed(request.param)
    except SandboxError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.timeout(0 if WANTED else 120)
def test_programs_of_all_kinds(fuzzed, record_property):
    fuzzed.run(Program("def f(): return 1", "f"), [Call(())])
    before = fuzzed.state()
    fuzzed.ends.clear()

    @rounds(90)
    @given(PROGRAMS)
    def every_observation_is_well_formed(made):
        program, inputs = made
        seen = fuzzed.run(program, inputs)
        assert len(seen) == len(inputs)
        for observation in seen:
            well_formed(observation, LIMITS)
            assert (
                observation.status is not Status.OK
                or program.entry
                or observation.value is None
                or "os.write" in program.code
            )

    every_observation_is_well_formed()
    record_property("ends", dict(fuzzed.ends))
    if WANTED:
        print(fuzzed.sandbox.tier, sum(fuzzed.ends.values()), "executions:", dict(fuzzed.ends.most_common()))
    assert len(fuzzed.ends) >= 5, "the fuzz has lost its variety"
    assert fuzzed.state() == before, fuzzed.sandbox.lost


RECORD = {
    "status": "ok",
    "value": ["l", 1],
    "spans": [[0, 0], [0, 3]],
    "cpu_s": 0.01,
    "wall_s": 0.02,
    "error": "E",
    "line": 3,
}
_SCALAR = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=5)
_JSON = st.recursive(
    _SCALAR | st.sampled_from(("l", "d", "s", "i", "ok")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from((*RECORD, "loading", "x")), inner, max_size=4)
    ),
    max_leaves=8,
)
_ALTERED = st.builds(
    lambda changes, gone: {k: v for k, v in (RECORD | changes).items() if k not in gone},
    st.dictionaries(st.sampled_from((*RECORD, "loading")), _JSON, max_size=3),
    st.sets(st.sampled_from(tuple(RECORD)), max_size=1),
)
_LINE = (_ALTERED | _JSON).map(lambda record: json.dumps(record).encode()) | st.binary(max_size=30)
_OUTCOME = st.builds(
    Outcome,
    exit=st.sampled_from((0, 1, 255, *(-n for n in range(1, 65)))),
    killed=st.sampled_from((None, None, None, "cpu", "wall", "tasks", "scratch", "cancelled")),
    cpu_s=st.floats(0, 10),
    wall_s=st.floats(0, 10),
    loading=st.booleans(),
    last_cpu_s=st.floats(0, 10),
    setup_error=st.none(),
)


@rounds(300)
@given(st.lists(_LINE, max_size=4), st.binary(max_size=3), st.integers(1, 3), _OUTCOME)
def test_results_of_all_kinds(lines, rest, count, outcome):
    """Whatever bytes a process leaves and however it ends, the judge makes observations of it."""
    job = Job(Program("", "f"), (Call((1,)),) * count, LIMITS, "calls")
    with closing(Files(job)) as files:
        os.write(files.result, b"".join(line + b"\n" for line in lines) + rest)
        os.write(files.stdout, b"\xffoutput")
        seen = observe(files, outcome)
    assert 1 <= len(seen) <= count
    for observation in seen:
        well_formed(observation, LIMITS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tier", TIERS)
async def test_no_job_is_lost_when_workers_are_killed_at_any_time(tier):
    kills, rng = (WANTED // 200 or 10), random.Random(7)
    try:
        sandbox = await Sandbox.start(2, tier=tier)
    except SandboxError as error:
        pytest.skip(str(error))
    program = Program("import time\ndef f(x):\n    time.sleep(0.005)\n    return x * x", "f")
    killed, served = 0, 0

    def workers():
        nursery = sandbox._nursery._process.pid
        direct = [int(p) for p in Path(f"/proc/{nursery}/task/{nursery}/children").read_text().split()]
        # With a process-id namespace the worker itself is below the one that the nursery started.
        inner = [] if tier == "landlock" else [pid for outer in direct for pid in children(outer)[:1]]
        return direct + inner

    async with sandbox:
        while killed < kills:
            jobs = [asyncio.create_task(sandbox.run(program, [Call((n,)), Call((n + 1,))])) for n in range(6)]
            await asyncio.sleep(rng.random() * 0.08)
            if there := workers():
                with contextlib.suppress(ProcessLookupError):  # it ended between the look and the blow
                    os.kill(rng.choice(there), signal.SIGKILL)
                    killed += 1
            for n, seen in enumerate(await asyncio.gather(*jobs)):
                assert [s.value for s in seen] == [n * n, (n + 1) ** 2], seen
                served += 1
    assert served >= 6 * kills
    assert sandbox.lost.total() > 0
