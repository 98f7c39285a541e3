"""A model that follows a script, and problems to ask it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from atlas.errors import LLMError
from atlas.llm.types import Capabilities, Completion, Reply, Request
from atlas.problem import Call, Example, FunctionProblem, Parameter, Signature, Stdin, StdinProblem

Answer = Callable[[Request, int], str]


def kind_of(request: Request) -> str:
    """Which template a request came from."""
    text = request.messages[-1].content
    if "Correct it." in text:
        return "repair"
    if "Say why." in text:
        return "analyse"
    if text.startswith("Earlier attempts"):
        return "refine"
    if text.startswith("Work out"):
        return "expected_outputs"
    if text.startswith("Write test"):
        return "propose_inputs"
    return "draft"


def block(code: str) -> str:
    return f"Sure:\n```python\n{code}\n```\n"


@dataclass
class ScriptedModel:
    """Answers by a function of request and choice; may be slow, in a different order each time, or fail."""

    answer: Answer
    delays: random.Random | None = None
    hang: Callable[[Request], bool] = lambda request: False
    fail: Callable[[Request], bool] = lambda request: False
    streaming: bool = True
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[Request] = field(default_factory=list)
    on_discarded: Callable[[Request, Reply], None] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("scripted", "scripted", n=True, seed=True, streaming=self.streaming)

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.delays is not None:
            await asyncio.sleep(self.delays.uniform(0, 0.02))
        if self.fail(request):
            raise LLMError("the server fell over")
        if self.hang(request):
            await self._forever(request)
        texts = [self.answer(request, i) for i in range(request.n)]
        return Reply(tuple(Completion(t, "stop", len(t.split())) for t in texts), 100, 40, 0.5)

    async def _forever(self, request: Request) -> None:
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.streaming and self.on_discarded is not None:
                self.on_discarded(request, Reply((Completion("de", "cancelled", 7),), 100))
            raise

    async def aclose(self) -> None:
        pass


def drafts(codes: Sequence[str], **others: Answer) -> Answer:
    """Drafts in their order in the round (greedy first); other kinds of request by name."""
    state = {"next": 0}
    given: dict[tuple[int | None, int], str] = {}

    def answer(request: Request, choice: int) -> str:
        kind = kind_of(request)
        if kind == "analyse" and kind not in others:
            return "It does something else than the statement says."
        if kind != "draft":
            return others[kind](request, choice)
        place = (request.seed, choice)
        if place not in given:
            given[place] = codes[state["next"] % len(codes)]
            state["next"] += 1
        return block(given[place])

    return answer


DOUBLE = FunctionProblem(
    "test/double",
    "Return twice the number.",
    Signature("double", (Parameter("x", "int"),), "int"),
    (Example(Call((2,)), 4), Example(Call((5,)), 10)),
)
DOUBLE_BLIND = FunctionProblem("test/blind", DOUBLE.statement, DOUBLE.signature)
SUMS = StdinProblem(
    "test/sums",
    "The first line holds n, the second n numbers. Print their sum.",
    (Example(Stdin("3\n1 2 3\n"), "6\n"),),
)
TWICE = "def double(x):\n    return 2 * x"
SQUARE = "def double(x):\n    return x * x"
PLUS_TWO = "def double(x):\n    return x + 2"
