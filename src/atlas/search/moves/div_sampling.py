"""Diversified sampling: drafts whose requests differ, so that their mistakes differ.

From "Diversified sampling improves scaling LLM inference" (Wang et al. 2025, arXiv 2502.11027). Four kinds of
perturbation: a *role* in front, an *instruction* at the end (both from ``prompts/perturbations.toml``, the same for
every problem), a *restatement* of the problem in the model's own words and a *decomposition* into parts (both asked
for first, and shown as a hint). Each draft has one, and a temperature of its own around the run's.

It costs ``n`` programs, and a short completion more for each restatement and decomposition. Nothing is greedy: where
the run is, temperatures are spread around the recommended one. The drafts are independent, and have no parent.

Kinds, sentences and temperatures are dealt like cards, seeded by the place in the search: none comes again before the
others had their turn. A restatement or decomposition that can't be used is counted; its draft is asked without.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from atlas.errors import UsageError
from atlas.gather import gather
from atlas.llm.types import RECOMMENDED, Completion, Sampling
from atlas.search import prompts
from atlas.search.moves.ideas import list_of, text_of, why_unusable
from atlas.search.moves.programs import ask_programs, merged
from atlas.search.pool import Additions
from atlas.search.session import Session
from atlas.search.settings import derived_seed
from atlas.search.strategy import Range

NAME = "div_sampling"
_HOTTEST = 2.0
"""The highest temperature that servers accept."""

Kind: TypeAlias = Literal["role", "instruction", "restatement", "decomposition"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What is different about one draft's request; ``sentence`` is the role or instruction."""

    kind: Kind
    sentence: str
    sampling: Sampling


async def div_sampling(
    session: Session,
    *,
    n: int = 4,
    roles: int = 1,
    instructions: int = 1,
    restatements: int = 1,
    decompositions: int = 1,
    spread: Annotated[int, Range(0, 100)] = 25,
) -> Additions:
    """Ask for ``n`` programs, each in another way.

    ``roles`` to ``decompositions`` say how many of each kind there are in ``sum`` of them drafts; ``n`` goes round as
    often as it takes. Temperatures lie up to ``spread`` percent below and above the run's.

    Raises:
        UsageError: no kind of perturbation is left.
    """
    shares: dict[Kind, int] = {
        "role": roles,
        "instruction": instructions,
        "restatement": restatements,
        "decomposition": decompositions,
    }
    seed = derived_seed(session.settings.seed, session.pool.problem.id, session.round, NAME)
    dealt = deal(n, shares, spread, session.settings.sampling, random.Random(seed))
    return merged(await gather(_one(session, i, perturbation) for i, perturbation in enumerate(dealt)))


def deal(
    count: int, shares: dict[Kind, int], spread: int, sampling: Sampling, rng: random.Random
) -> list[Perturbation]:
    """``count`` perturbations with the kinds in these shares, and ``count`` different temperatures.

    Raises:
        UsageError: all shares are 0.
    """
    deck: list[Kind] = [kind for kind, share in shares.items() for _ in range(share)]
    if not deck:
        raise UsageError("div_sampling has nothing to perturb: give at least one role, instruction or the like.")
    kinds = _dealt(deck, count, rng)
    sentences: dict[Kind, list[str]] = {
        "role": _dealt(_sentences()["roles"], count, rng),
        "instruction": _dealt(_sentences()["instructions"], count, rng),
    }
    samplings = _samplings(sampling, count, spread)
    rng.shuffle(samplings)
    taken = [sentences[kind].pop() if kind in sentences else "" for kind in kinds]
    return [Perturbation(*parts) for parts in zip(kinds, taken, samplings, strict=True)]


def _dealt(deck: Sequence[T], count: int, rng: random.Random) -> list[T]:
    """``count`` cards of the shuffled deck, shuffled and dealt again when it is used up."""
    rounds = -(-count // len(deck))
    return [card for _ in range(rounds) for card in rng.sample(deck, len(deck))][:count]


def _samplings(sampling: Sampling, count: int, spread: int) -> list[Sampling]:
    """``count`` temperatures, evenly from ``spread`` percent below the middle to as much above."""
    middle = sampling.temperature or RECOMMENDED.temperature
    places = [0.0] if count == 1 else [2 * i / (count - 1) - 1 for i in range(count)]
    heats = [min(max(middle * (1 + place * spread / 100), 0.0), _HOTTEST) for place in places]
    return [replace(sampling, temperature=round(heat, 4)) for heat in heats]


@cache
def _sentences() -> dict[str, list[str]]:
    path = Path(prompts.__file__).parent / "perturbations.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


async def _one(session: Session, place: int, perturbation: Perturbation) -> Additions:
    """One draft, asked in its own way."""
    ways: dict[str, Any] = {}
    reasons: tuple[str, ...] = ()
    match perturbation.kind:
        case "role" | "instruction":
            ways[perturbation.kind] = perturbation.sentence
        case "restatement" | "decomposition":
            ways["hint"], reasons = await _hint(session, place, perturbation)
    key = session.key(NAME, place, perturbation.kind)
    messages = prompts.draft(session.pool.problem, **ways)
    request = session.request(messages, NAME, place, parent=perturbation.kind, sampling=perturbation.sampling)
    found = await ask_programs(session, request, NAME, key, [f"{NAME}-{session.round}.{place}"])
    return merged([Additions(reasons=reasons), found])


async def _hint(session: Session, place: int, perturbation: Perturbation) -> tuple[str, tuple[str, ...]]:
    """The problem in other words, or its parts; empty with a reason if the reply held neither."""
    problem = session.pool.problem
    restated = perturbation.kind == "restatement"
    messages = prompts.restate(problem) if restated else prompts.parts(problem)
    parent = f"{perturbation.kind}-hint"
    request = session.request(messages, NAME, place, parent=parent, sampling=perturbation.sampling)

    def hint_of(completion: Completion) -> str:
        return text_of(problem, completion) if restated else "\n".join(f"- {part}" for part in list_of(completion))

    key = session.key(NAME, place, parent)
    reply = await session.ask(key, request, lambda completion: bool(hint_of(completion)))
    if not reply.completions:
        return "", ()  # The session has counted why.
    completion = reply.completions[0]
    hint = hint_of(completion)
    return hint, () if hint else (why_unusable(completion, f"{perturbation.kind}; its draft was asked without"),)
