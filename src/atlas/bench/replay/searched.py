"""What a search observed of its candidates, for the pool that a run records. No key is near."""

from __future__ import annotations

from atlas.bench.records import ObservedRow
from atlas.bench.replay.class_text import outcome_text
from atlas.bench.replay.packed import packed_bits, packed_ids
from atlas.bench.replay.texts import input_text, test_text
from atlas.problem import Input, Value
from atlas.search.assemble import entry_of
from atlas.search.measure import loads
from atlas.search.pool import Pool


def observed(pool: Pool) -> ObservedRow:
    """Every candidate's outcomes on every input, on the statement's examples, and on the self-tests."""
    entry = entry_of(pool.problem) or ""
    examples: list[tuple[Input, Value, tuple[int, int]]] = [(e.input, e.output, (0, 0)) for e in pool.examples]
    tests = [*examples, *((t.input, t.expected, (t.votes, t.voters)) for t in pool.tests)]
    members, vocabulary = range(len(pool.members)), dict[str, int]()
    outcomes = [[outcome_text(input, pool.observation(u, x)) for x, input in enumerate(pool.inputs)] for u in members]
    return ObservedRow(
        inputs=tuple(input_text(input, entry) for input in pool.inputs),
        tests=tuple(test_text(input, expected, entry) for input, expected, _ in tests),
        votes=tuple(votes for _, _, votes in tests),
        test_input=tuple(pool.index_of(input) for input, _, _ in tests),
        loads=tuple(map(int, loads(pool))),
        pass_bits=packed_bits([[pool.passes(u, i, e) is True for i, e, _ in tests] for u in members]),
        out_ids=packed_ids([[vocabulary.setdefault(text, len(vocabulary)) for text in row] for row in outcomes]),
        out_vocab=tuple(vocabulary),
    )
