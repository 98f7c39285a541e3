"""A whole check of a scripted model, with the real sandbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atlas.check.kinds import KINDS
from atlas.check.run import Plan, check
from atlas.check.samples import BUILT_IN, of_problem
from atlas.errors import LLMError
from atlas.llm.types import Capabilities, Completion, Reply, Request
from atlas.problem import Call, Example, FunctionProblem, Parameter, Signature, StdinProblem
from atlas.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = {s.problem.statement: s for s in BUILT_IN}


class Scripted:
    """Answers by a function of the prompt; thinks when told to."""

    def __init__(self, answer: Callable[[str], str], thinking: bool = False) -> None:
        self.answer = answer
        self.capabilities = Capabilities(
            "scripted", "scripted", n=True, slots=2, thinking="reasoning_content" if thinking else "none"
        )
        self.prompts: list[str] = []

    async def complete(self, request: Request) -> Reply:
        prompt = request.messages[-1].content
        self.prompts.append(prompt)
        text = self.answer(prompt)
        words = text.split(" ")
        finish = "length" if len(words) > request.max_tokens else "stop"
        text = " ".join(words[: request.max_tokens])
        thought = "First this. " * 40 if request.thinking else ""
        return Reply((Completion(text, finish, len(words), thought),) * request.n, 50, 0, 0.5)

    async def aclose(self) -> None:
        pass


def good(prompt: str) -> str:  # noqa: PLR0911  (one a kind)
    """What a good model says: it keeps to the form, and knows the answers."""
    sample = next((s for statement, s in RIGHT.items() if statement in prompt), None)
    if sample is None:
        return "ok"
    if "no code" in prompt:
        return (
            "The result is wrong for some inputs."
            if "wrong" in prompt or "other words" in prompt
            else "1. Look.\n2. Go."
        )
    function = isinstance(sample.problem, FunctionProblem)
    hidden = [e for e in sample.outputs if e.input in sample.asked]
    if "Work out" in prompt:
        if not function:
            return "\n".join(f"```\n{e.output}```" for e in hidden)
        name = sample.problem.signature.name
        return (
            "```python\n" + "\n".join(f"assert {name}({e.input.args[0]!r}) == {e.output!r}" for e in hidden) + "\n```"
        )
    if "different calls" in prompt:
        return (
            "```python\n" + "\n".join(f"{sample.problem.signature.name}({e.input.args[0]!r})" for e in hidden) + "\n```"
        )
    if "different inputs" in prompt:
        return "\n".join(f"```\n{e.input.text}```" for e in hidden)
    return f"Here:\n```python\n{sample.other}```"


async def test_a_good_model_is_usable_and_right_everywhere(sandbox: Sandbox) -> None:
    model = Scripted(good, thinking=True)
    told: list[tuple[int, int]] = []
    found = await check(model, sandbox, BUILT_IN, Plan(times=4, slots=2), lambda _, done, of: told.append((done, of)))
    assert [k.name for k in found.kinds] == [k.name for k in KINDS]
    assert {k.name: k.usable for k in found.kinds if k.usable < 1} == {}
    assert {k.name: k.right for k in found.kinds if k.right not in (None, 1.0)} == {}
    assert {k.name for k in found.kinds if k.right == 1.0} >= {
        "draft: function", "draft: linked lists and trees", "repair", "expected outputs", "inputs that tell apart",
    }  # fmt: skip
    assert told[-1] == (4 * len(KINDS), 4 * len(KINDS))
    (thinking,) = (k for k in found.kinds if k.serves == "thinking")
    assert all(r.thought == 480 for r in thinking.replies)
    assert found.speed.busy is not None


async def test_the_wrong_programs_of_our_own_are_wrong_and_the_others_right(sandbox: Sandbox) -> None:
    found = await check(Scripted(good), sandbox, BUILT_IN, Plan(times=4))
    repairs = next(k for k in found.kinds if k.name == "repair")
    assert len(repairs.replies) == 4  # there was a failure to show for each problem
    wrong = {s.problem.statement: s.wrong for s in BUILT_IN}

    def stubborn(prompt: str) -> str:
        return next((f"```python\n{code}```" for text, code in wrong.items() if text in prompt), "ok")

    found = await check(Scripted(stubborn), sandbox, BUILT_IN, Plan(times=4))
    assert {k.right for k in found.kinds if k.name in {"draft: function", "repair", "refinement"}} == {0.0}


async def test_prose_is_not_usable_and_truncation_is_counted(sandbox: Sandbox) -> None:
    found = await check(Scripted(lambda prompt: "I would rather not. " * 9), sandbox, BUILT_IN, Plan(max_tokens=8))
    drafts = [k for k in found.kinds if k.serves == "draft"]
    assert {k.usable for k in drafts} == {0.0}
    assert {k.truncated for k in drafts} == {1.0}
    assert not any(k.serves == "thinking" for k in found.kinds)


async def test_a_server_that_answers_nothing(sandbox: Sandbox) -> None:
    def refuse(prompt: str) -> str:
        raise LLMError("the model is on strike")

    with pytest.raises(LLMError, match="on strike"):
        await check(Scripted(refuse), sandbox, BUILT_IN, Plan(times=1))


async def test_problems_of_a_suite(sandbox: Sandbox) -> None:
    double = FunctionProblem(
        "t/double", "Twice.", Signature("double", (Parameter("x", "int"),), "int"), (Example(Call((2,)), 4),)
    )
    blind = StdinProblem("t/blind", "Print what you like.")
    samples = [of_problem(double), of_problem(blind)]
    assert samples[0].asked
    assert Call((2,)) not in samples[0].asked
    found = await check(
        Scripted(lambda _: "```python\ndef double(x):\n    return 2 * x\n```"), sandbox, samples, Plan(times=2)
    )
    (draft,) = (k for k in found.kinds if k.name == "draft: function")
    assert (draft.usable, draft.right) == (1.0, 1.0)
    (nodes,) = (k for k in found.kinds if k.name == "draft: linked lists and trees")
    assert nodes.replies == ()
