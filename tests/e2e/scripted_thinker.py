"""An OpenAI-compatible endpoint with the habits of a 14B model that thinks, over real HTTP.

Its thoughts are long, hold code of their own and eat the tokens of the answer; its answers come with prose around
them, in two fences, with smart quotes, as a class, with a main guard, or now and then in another language. It knows
the reference programs of the tasks it is told, and is right about half of the time. What it is asked for it sees from
what anyone would: does the request want code, a list, words, asserts, calls or blocks.
"""

from __future__ import annotations

import json
import random
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal["reasoning_content", "tags", "server budget", "none"]
LEAK = "leaked_thought"
"""A name that stands in every thought and must stand in no program."""


@dataclass(frozen=True, eq=False)
class Task:
    """What the model knows of one task: a phrase of its statement, programs, and the truth for an input's text."""

    phrase: str
    name: str
    right: str
    wrong: tuple[str, ...]
    truth: Callable[[Any], Any]
    inputs: tuple[Any, ...]


@dataclass
class ScriptedThinker:
    """The server; ``with`` starts and ends it. ``truncated`` counts its replies that were cut off."""

    mode: Mode
    tasks: tuple[Task, ...]
    requests: list[dict[str, Any]] = field(default_factory=list)
    truncated: int = 0

    def __enter__(self) -> ScriptedThinker:
        thinker = self

        class Handler(_Handler):
            server_version = "llama.cpp" if thinker.mode == "server budget" else "scripted"
            sys_version = ""
            script = thinker

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def choice(self, body: Mapping[str, Any], index: int) -> tuple[str, str, str, int]:
        """Thought, text, finish and tokens of one choice."""
        prompt = body["messages"][-1]["content"]
        asked = next((m["content"] for m in body["messages"] if self._task(m["content"])), prompt)
        drawn = (body.get("seed", 0), index, body.get("temperature"), asked)
        rng = random.Random(zlib.crc32(repr(drawn).encode()))
        thought = _tokens(self._thought(rng)) if self._thinks(body, prompt) else []
        if (budget := body.get("thinking_budget_tokens")) is not None and self.mode == "server budget":
            thought = thought[:budget]
        answer = _tokens(self._answer(asked, rng, index))
        limit, finish = body["max_tokens"], "stop"
        if len(thought) + len(answer) > limit:
            thought, answer, finish = thought[:limit], answer[: max(0, limit - len(thought))], "length"
            self.truncated += 1
        text, reasoning = "".join(answer), "".join(thought)
        if self.mode == "tags" and reasoning:
            text = f"<think>\n{reasoning}" + (f"\n</think>\n\n{text}" if answer else "")
            reasoning = ""
        return reasoning, text, finish, len(thought) + len(answer)

    def _thinks(self, body: Mapping[str, Any], prompt: str) -> bool:
        if self.mode == "none" or prompt.startswith("Stop thinking"):
            return False
        return self.mode == "tags" or bool(body.get("chat_template_kwargs", {}).get("enable_thinking"))

    def _task(self, text: str) -> Task | None:
        return next((t for t in self.tasks if t.phrase in text), None)

    @staticmethod
    def _thought(rng: random.Random) -> str:
        """Mostly moderate, sometimes far too long, always with code that is none."""
        again = "Hmm, let me check that again, maybe the edges matter. " * rng.choice([2, 4, 8, 60])
        return f"Okay, so a first try:\n```python\ndef {LEAK}(x):\n    return x\n```\n{again}"

    def _answer(self, prompt: str, rng: random.Random, index: int) -> str:
        task, last = self._task(prompt), prompt.strip().rpartition("\n")[2]
        if task is None:
            return "ok"
        if "no code" in last:
            return _words(last, rng)
        if "assert" in last or "the output for each" in last:
            return _expected(task, prompt, rng)
        if "different" in last:
            return _inputs(task)
        return _program(task, rng)


def _words(last: str, rng: random.Random) -> str:
    if "list" not in last:
        return "In other words: the result has to be right for empty and for small inputs, too."
    form = rng.choice(["{n}. **Step {n}**: ", "- **Point**: ", "* ", "{n}) "])
    points = ("look at each item once", "mind the empty case", "give back the result")
    return "Sure! Here is my list:\n\n" + "\n".join(form.format(n=n) + p for n, p in enumerate(points, 1)) + "\n"


def _expected(task: Task, prompt: str, rng: random.Random) -> str:
    if task.name:
        asked = prompt.partition("Calls:")[2]
        calls = re.findall(rf"^{task.name}\((.*)\)$", asked, re.MULTILINE)
        lines = [f"assert {task.name}({c}) == {task.truth(_literal(c))!r}  # by hand" for c in calls]
        return "Let me work these out.\n```python\n" + "\n".join(lines) + "\n```\nI hope that helps!"
    texts = re.findall(r"^Test input \d+:\n(.*?)(?=\nTest input|\nReply with)", prompt, re.MULTILINE | re.DOTALL)
    return "\n".join(f"Output {i}:\n```\n{task.truth(t)}\n```" for i, t in enumerate(texts, 1))


def _literal(text: str) -> Any:
    import ast

    return ast.literal_eval(text)


def _inputs(task: Task) -> str:
    if task.name:
        lines = "\n".join(f"{task.name}({i!r})" for i in task.inputs)
        return f"Some calls:\n```python\n{lines}\n```"
    return "\n".join(f"```\n{text}```" for text in task.inputs)


def _program(task: Task, rng: random.Random) -> str:
    code = task.right if rng.random() < 0.55 else rng.choice(task.wrong)
    habit = rng.randrange(8)
    if habit == 0 and rng.random() < 0.5:
        return "```javascript\nfunction solve(x) { return x; }\n```"
    if habit == 1:
        return f"A first idea:\n```python\n# not done yet\npass\n```\nBetter:\n```python\n{code}```\nThis is linear."
    if habit == 2:
        return f'```python\n{code}\n\nif __name__ == "__main__":\n    print(“done”)\n```' if task.name else code
    if habit == 3 and task.name:
        body = "".join(
            f"    {line}\n" for line in code.replace(f"def {task.name}(", f"def {task.name}(self, ").splitlines()
        )
        return f"```python\nclass Solution:\n{body}```"
    if habit == 4:
        return code
    return f"Here\u2019s the code:\n\n```python\n{code}```\n\nIt goes over the input once."


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


class _Handler(BaseHTTPRequestHandler):
    script: ScriptedThinker
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    def version_string(self) -> str:
        return self.server_version

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json(200, {"data": [{"id": "thinker-14b"}]})
        else:
            self._json(404, {"error": {"message": "not found"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._json(404, {"error": {"message": "not found"}})
            return
        self.script.requests.append(body)
        made = [self.script.choice(body, i) for i in range(body.get("n", 1))]
        key = "delta" if body.get("stream") else "message"
        choices = [
            {"index": i, key: {"content": text, "reasoning_content": thought}, "finish_reason": finish}
            for i, (thought, text, finish, _) in enumerate(made)
        ]
        prompt = sum(len(_tokens(m["content"])) for m in body["messages"])
        usage = {"prompt_tokens": prompt, "completion_tokens": sum(m[3] for m in made)}
        if body.get("stream"):
            self._stream([{"choices": choices}, {"choices": [], "usage": usage}])
        else:
            self._json(200, {"choices": choices, "usage": usage})

    def _stream(self, events: list[dict[str, Any]]) -> None:
        data = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events) + b"data: [DONE]\n\n"
        self._send(200, data, "text/event-stream")

    def _json(self, status: int, body: object) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
