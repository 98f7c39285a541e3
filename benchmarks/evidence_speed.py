"""How long the evidence takes: 100 candidates, 200 inputs, 200 self-tests, 3 examples, most programs different.

    python benchmarks/evidence_speed.py

Median and 95th percentile over 200 calls, in milliseconds, of processor time: other work on the machine counts less.
The last line is one JSON object.
"""

from __future__ import annotations

import json
import time

import numpy as np

from atlas.search.evidence import Outcomes, posterior

CANDIDATES, INPUTS, TESTS, EXAMPLES, CALLS = 100, 200, 200, 3, 200


def outcomes(random: np.random.Generator) -> Outcomes:
    """Programs that answer right on an input with a rate of their own, and otherwise in one of a few ways."""
    rate = random.random((CANDIDATES, 1))
    outputs = np.where(random.random((CANDIDATES, INPUTS)) < rate, 0, random.integers(-3, 4, (CANDIDATES, INPUTS)))
    return Outcomes(
        examples=(random.random((CANDIDATES, EXAMPLES)) < rate).astype(np.int64),
        outputs=outputs,
        tests=(random.random((CANDIDATES, TESTS)) < rate).astype(np.int64),
        test_weights=random.random(TESTS),
        multiplicity=random.integers(1, 4, CANDIDATES).astype(np.float64),
        derived=random.random(CANDIDATES) < 0.1,
        loads=random.random(CANDIDATES) < 0.95,
    )


def main() -> None:
    seen = outcomes(np.random.default_rng(0))
    took: list[float] = []
    for _ in range(CALLS):
        began = time.process_time()
        posterior(seen)
        took.append(1000 * (time.process_time() - began))
    median, high = np.quantile(took, [0.5, 0.95])
    print(f"{CANDIDATES} candidates, {INPUTS} inputs, {TESTS} tests: {median:.2f} ms (95% within {high:.2f} ms)")
    print(json.dumps({"median_ms": round(float(median), 3), "p95_ms": round(float(high), 3)}))


if __name__ == "__main__":
    main()
