"""Plan search: observations about the problem, combinations of them, a plan from each, a program from each plan.

From "Planning in natural language improves LLM search for code generation" (Wang et al. 2024, arXiv 2409.03733).
Programs drawn from one prompt repeat one idea, and one mistake. Here the search goes over ideas: the model says
what matters, each plan is told another combination of that, and each program follows another plan. What the paper
does and this move leaves out: a second level of observations, a plan's criticism, pseudocode between plan and program.

It costs ``observations`` + ``plans`` + ``plans * samples`` completions, three requests deep. All count as usage; a
candidate's own tokens are its program's alone. Programs of different plans are independent draws and have no parent;
their keys name their plan ("plan-0.3": round 0, combination 3). Plans are drawn with the run's sampling; a plan's first
program is the greedy one, as it is the plans that differ (drawn, fewer programs keep to their plan).

A reply whose observations can't be read is counted; if none can be read, plans are asked without. A plan that is no
list is taken as it is if it is prose. One that is cut off, empty or code is counted, and no program is asked from it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, TypeAlias

from atlas.gather import gather
from atlas.llm.types import Completion, Sampling
from atlas.problem import Problem
from atlas.search import prompts
from atlas.search.moves.ideas import list_of, text_of, why_unusable
from atlas.search.moves.programs import GREEDY, ask_programs, merged
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.settings import derived_seed
from atlas.search.strategy import Range

NAME = "plan_search"
_MOST_OBSERVATIONS = 12

Combination: TypeAlias = tuple[str, ...]


async def plan_search(
    session: Session,
    *,
    plans: int = 4,
    observations: int = 1,
    combine: int = 2,
    samples: Annotated[int, Range(1)] = 1,
    greedy: bool = True,
) -> Additions:
    """Ask ``observations`` times what matters, then for ``plans`` plans, then for ``samples`` programs from each.

    With ``greedy`` the first program of a plan is the greedy one, unless it comes after a thought.
    Each plan builds on another combination of up to ``combine`` observations, the first on none; where there are
    fewer combinations than plans, they come around again.
    """
    seen, reasons = await _observations(session, observations) if plans > 0 else ((), ())
    seed = derived_seed(session.settings.seed, session.pool.problem.id, session.round, NAME)
    chosen = choose(seen, plans, combine, random.Random(seed))
    found = await gather(_programs(session, i, chosen[i % len(chosen)], samples, greedy) for i in range(plans))
    return merged([Additions(reasons=tuple(reasons)), *found])


async def _observations(session: Session, samples: int) -> tuple[Sequence[str], Sequence[str]]:
    """The observations of all replies without doubles, each reply's first ones first; and what was unusable."""
    if samples <= 0:
        return (), ()
    parent = "observations"
    messages = prompts.observations(session.pool.problem)
    request = session.request(messages, NAME, 0, parent=parent, n=samples)
    reply = await session.ask(session.key(NAME, 0, parent), request, lambda completion: bool(list_of(completion)))
    lists = [list_of(completion) for completion in reply.completions]
    reasons = [
        why_unusable(completion, "list of observations")
        for completion, items in zip(reply.completions, lists, strict=True)
        if not items
    ]
    distinct = _distinct(lists)
    if not distinct:
        reasons.append("plans were asked for without observations: none were usable")
    return distinct, reasons


def _distinct(lists: Sequence[Sequence[str]]) -> list[str]:
    """The items of all lists, the first of each list first; those that differ in case and spaces only are one."""
    ranked = sorted((place, i, item) for i, items in enumerate(lists) for place, item in enumerate(items))
    found: dict[str, str] = {}
    for _, _, item in ranked:
        found.setdefault(" ".join(item.lower().split()).rstrip("."), item)
    return list(found.values())[:_MOST_OBSERVATIONS]


def choose(observations: Sequence[str], count: int, most: int, rng: random.Random) -> list[Combination]:
    """At most ``count`` distinct combinations of up to ``most`` observations, the empty one first.

    The others are drawn one by one among those whose observations were used least so far, so that every observation
    has its turn. There is always one at least.
    """
    rest = [c for size in range(1, most + 1) for c in combinations(observations, size)]
    rng.shuffle(rest)
    used: Counter[str] = Counter()
    chosen: list[Combination] = [()]
    while rest and len(chosen) < count:
        least = min(rest, key=lambda c: sum(used[o] for o in c) / len(c))
        rest.remove(least)
        used.update(least)
        chosen.append(least)
    return chosen


async def _programs(session: Session, place: int, combination: Combination, samples: int, greedy: bool) -> Additions:
    """A plan that builds on ``combination``, and the programs that follow it."""
    problem = session.pool.problem
    request = session.request(prompts.plan(problem, combination), NAME, place, parent="plan")
    key = session.key(NAME, place, "plan")
    reply = await session.ask(key, request, lambda completion: bool(_plan(problem, completion)))
    if not reply.completions:
        return Additions()  # The session has counted why.
    plan = _plan(problem, reply.completions[0])
    if not plan:
        return Additions(reasons=(why_unusable(reply.completions[0], "plan; no program was asked from it"),))
    parent = f"plan-{session.round}.{place}"
    messages = prompts.draft(problem, plan=plan)

    async def some(first: int, count: int, sampling: Sampling | None) -> Additions:
        request = session.request(messages, NAME, first, parent=parent, n=count, sampling=sampling)
        ids = [f"{NAME}-{session.round}.{place}.{first + i}" for i in range(count)]
        return await ask_programs(session, request, NAME, session.key(NAME, first, parent), ids)

    if not greedy or session.settings.thinking is not None:
        return await some(0, samples, None)
    rest = [some(1, samples - 1, None)] if samples > 1 else []
    return merged(await gather([some(0, 1, GREEDY), *rest]))


def _plan(problem: Problem, completion: Completion) -> str:
    """The plan as numbered steps, or as it was written; empty if there is none."""
    steps = list_of(completion)
    return "\n".join(f"{i}. {step}" for i, step in enumerate(steps, 1)) or text_of(problem, completion)
