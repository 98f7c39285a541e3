"""The solver: rounds of moves, evidence at the end of each, until settled; then the winner is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from atlas.errors import UsageError
from atlas.gather import gather
from atlas.problem import FunctionProblem, Problem, Solution
from atlas.sandbox.types import Status
from atlas.search.answer import solution
from atlas.search.assemble import check_supported
from atlas.search.evidence import Posterior, posterior
from atlas.search.measure import measure
from atlas.search.moves import MOVES, Move
from atlas.search.pool import Pool
from atlas.search.progress import Finished, OnEvent, Ranked, RoundStarted, ignore
from atlas.search.session import Clock, Session
from atlas.search.settings import DEFAULTS, Settings, Tools
from atlas.search.strategy import Round, Strategy

_PROBED = 4
"""A candidate is first run on this many inputs; one that won't load or ends at its limits is run on no more."""
_CONFIRMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class Solved:
    """The answer, and the pool that it was chosen from."""

    solution: Solution
    pool: Pool


async def solve(
    problem: Problem,
    strategy: Strategy,
    tools: Tools,
    *,
    settings: Settings = DEFAULTS,
    deadline: float | None = None,
    scope: str = "",
    moves: Mapping[str, Move] = MOVES,
    on_event: OnEvent = ignore,
) -> Solved:
    """Search for a program that solves ``problem``.

    Args:
        problem: what is asked; nothing else is known of it.
        strategy: which moves, in which rounds.
        tools: the model, the sandbox and the tape.
        settings: the run's seed, sampling and limits.
        deadline: seconds from now after which the best so far is returned; what it cut is on the tape.
        scope: goes in front of every key, for a tape that holds several runs of one problem.
        moves: the moves that the strategy names.
        on_event: told of progress, in this task.

    Returns:
        An answer whenever any reply held a program; otherwise ``code`` is None and ``reasons`` say why.

    Raises:
        UsageError: the problem or the strategy is unusable.
        LLMError: no request was answered at all.
        SandboxError: the sandbox is beyond recovery.
        ReplayError: the tape does not fit what is asked.
    """
    check_supported(problem)
    _check_moves(strategy, moves)
    session = Session(Pool(problem), tools, settings, Clock.start(deadline), scope=scope, on_event=on_event)
    for plan in strategy.plan():
        if plan.unsettled and _settled(session, strategy):
            continue
        if session.round and _spent(session, strategy):
            break
        await _play(session, plan, moves)
        session.round += 1
    if strategy.confirm:
        await _confirm(session)
    answer = solution(session)
    on_event(Finished(problem.id, answer))
    return Solved(answer, session.pool)


def _check_moves(strategy: Strategy, moves: Mapping[str, Move]) -> None:
    for step in (step for round in strategy.rounds for step in round.steps):
        if step.move not in moves:
            raise UsageError(f"The strategy {strategy.name!r} names an unknown move {step.move!r}.")


def _settled(session: Session, strategy: Strategy) -> bool:
    standing = session.standing
    if standing is None or standing.best is None:
        return False
    return float(standing.probability[standing.best]) >= strategy.settled


def _spent(session: Session, strategy: Strategy) -> bool:
    """Whether the deadline or the budget forbids another round."""
    if session.decided("deadline", session.clock.reached()):
        session.reasons["the deadline was reached before the search was done"] += 1
        return True
    limit = strategy.max_generated_tokens
    if limit is not None and session.usage.generated_tokens >= limit:
        session.reasons[f"the budget of {limit} generated tokens was spent"] += 1
        return True
    return False


async def _play(session: Session, plan: Round, moves: Mapping[str, Move]) -> None:
    """One round: its moves at the same time, then their findings in order, then what they do, then the ranking."""
    problem_id = session.pool.problem.id
    session.on_event(RoundStarted(problem_id, session.round, tuple(step.move for step in plan.steps)))
    found = await gather(moves[step.move](session, **step.params) for step in plan.steps)
    session.end_round()
    for additions in found:
        session.pool.add(additions)
    await gather(_observe(session, member) for member in range(len(session.pool.members)))
    session.standing = posterior(measure(session.pool))
    session.on_event(_ranked(session, session.standing))


async def _observe(session: Session, member: int) -> None:
    """Run a candidate on the inputs on which it was not run yet, a few first."""
    pool = session.pool
    todo = pool.unobserved(member)
    for part, places in enumerate((todo[:_PROBED], todo[_PROBED:])):
        if not places or _hopeless(pool, member):
            return
        candidate = pool.members[member].candidate
        key = session.key("run", part, candidate.id)
        seen = await session.execute(key, candidate.program, [pool.inputs[i] for i in places])
        pool.observe(member, places[: len(seen)], seen)


def _hopeless(pool: Pool, member: int) -> bool:
    """Whether more runs of a candidate would only cost time: it does not load, or keeps running into the clock."""
    seen = [pool.observation(member, i) for i in range(len(pool.inputs))]
    statuses = [o.status for o in seen if o is not None]
    slow = sum(s in {Status.CPU_LIMIT, Status.WALL_LIMIT} for s in statuses)
    return Status.NO_LOAD in statuses or slow >= 2


async def _confirm(session: Session) -> None:
    """Run the winner afresh, a process an input: what it did must not hang on what it did before."""
    pool = session.pool
    if not isinstance(pool.problem, FunctionProblem) or not pool.inputs:
        return  # Programs that read standard input had a process for each input from the start.
    confirmed: set[int] = set()
    while session.standing is not None and len(confirmed) < _CONFIRMED_AT_MOST:
        best = session.standing.best
        if best is None or best in confirmed or _hopeless(pool, best):
            return
        confirmed.add(best)
        candidate = pool.members[best].candidate
        places = [i for i in range(len(pool.inputs)) if pool.observation(best, i) is not None]
        key = session.key("confirm", len(confirmed), candidate.id)
        seen = await session.execute(key, candidate.program, [pool.inputs[i] for i in places], fresh=True)
        pool.observe(best, places[: len(seen)], seen)
        session.standing = posterior(measure(pool))


def _ranked(session: Session, standing: Posterior) -> Ranked:
    pool, best = session.pool, standing.best
    return Ranked(
        problem_id=pool.problem.id,
        round=session.round,
        candidates=sum(m.drawn + m.derived for m in pool.members),
        distinct=len(pool.members),
        examples=len(pool.examples),
        passing=int(standing.passes_examples.sum()),
        inputs=len(pool.inputs),
        tests=len(pool.tests),
        agreement=0.0 if best is None else float(standing.agreement[best]),
        confidence=0.0 if best is None else float(standing.probability[best]),
        usage=session.usage,
    )
