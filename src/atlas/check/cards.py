"""What makers recommend to draw with: from the model file's own metadata, else from the card of its family.

llama.cpp's converter writes ``general.sampling.*`` keys into newer files. A row of the table below stands there only
with the page that says so (read in 2026-11); a family without one gets the common default. Repetition penalties, which
some cards add, are not sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from atlas.engine.choice import EngineChoice
from atlas.engine.gguf_reader import Malformed, read_header
from atlas.llm.types import Sampling

_SENSIBLE: dict[str, Callable[[float], bool]] = {
    "temp": lambda value: 0 <= value <= 2,
    "top_p": lambda value: 0 < value <= 1,
    "top_k": lambda value: 0 <= value < 1 << 31,
    "min_p": lambda value: 0 <= value <= 1,
}
"""What the command line takes too (and servers take); nan and inf are in no range."""
_ORGANISATION = re.compile(r"^[a-z0-9.-]+_")
"""File names such as ``Qwen_Qwen3-14B-Q4_K_M.gguf`` begin with who made the model."""


@dataclass(frozen=True, slots=True)
class Card:
    """A family of models: how its names begin (a pattern), what suits its answers, and what its thoughts."""

    family: str
    names: str
    answers: Sampling
    thoughts: Sampling
    source: str


def _same(family: str, names: str, sampling: Sampling, source: str) -> Card:
    return Card(family, names, sampling, sampling, source)


CARDS = (
    Card(
        "Qwen3",
        r"qwen3(?![.\d])",
        Sampling(0.7, 0.8, 20),
        Sampling(0.6, 0.95, 20),
        "https://huggingface.co/Qwen/Qwen3-14B, Best Practices",
    ),
    _same(
        "Qwen2.5",
        r"qwen2\.5",
        Sampling(0.7, 0.8, 20),
        "https://huggingface.co/Qwen/Qwen2.5-Coder-32B-Instruct, generation_config.json",
    ),
    _same(
        "DeepSeek-R1",
        r"deepseek-r1",
        Sampling(0.6, 0.95),
        "https://github.com/deepseek-ai/DeepSeek-R1, Usage Recommendations; top-p from its evaluation",
    ),
    _same(
        "Llama 3",
        r"(meta-)?llama-?3",
        Sampling(0.6, 0.9),
        "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct, generation_config.json; 3.2 and 3.3 have the same",
    ),
    _same(
        "Gemma 3",
        r"gemma-?3(?![.\dn])",
        Sampling(1.0, 0.95, 64),
        "https://huggingface.co/google/gemma-3-12b-it, generation_config.json, which leaves the temperature at 1",
    ),
    _same(
        "gpt-oss",
        r"gpt-oss",
        Sampling(1.0, 1.0),
        "https://github.com/openai/gpt-oss, Recommended Sampling Parameters",
    ),
    _same(
        "Mistral Small 3",
        r"mistral-small-(3\.\d-)?24b",
        Sampling(0.15, 1.0),
        "https://huggingface.co/mistralai/Mistral-Small-3.2-24B-Instruct-2506, Usage",
    ),
)


def from_metadata(values: Mapping[str, object]) -> Sampling | None:
    """What a GGUF file's header recommends, as far as it makes sense; None where it has no temperature."""
    found = {key: values.get(f"general.sampling.{key}") for key in _SENSIBLE}
    numbers = {
        key: value
        for key, value in found.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and _SENSIBLE[key](value)
    }
    if "temp" not in numbers:
        return None
    defaults = Sampling()
    return Sampling(
        float(numbers["temp"]),
        float(numbers.get("top_p", defaults.top_p)),
        int(numbers.get("top_k", defaults.top_k)),
        float(numbers.get("min_p", defaults.min_p)),
    )


def card_of(name: str) -> Card | None:
    """The card of the family that a model's name or file name belongs to; None for one that is not listed."""
    plain = name.rpartition("/")[2].lower()
    names = (plain, _ORGANISATION.sub("", plain))
    return next((card for card in CARDS if any(re.match(card.names, n) for n in names)), None)


def recommended(choice: EngineChoice, model: str, *, thinking: bool = False) -> tuple[Sampling, str]:
    """What to draw with, and who says so.

    ``model`` is its name on the server. ``thinking``: its replies begin with a thought; some cards have other numbers
    for that. Models that always think are told by their name, as Qwen3-4B-Thinking-2507.
    """
    if choice.kind == "shipped":
        return choice.sampling, "from the shipped model's evaluation"
    if choice.kind == "file" and choice.file is not None:
        try:
            with choice.file.open("rb") as file:
                found = from_metadata(read_header(file).values)
        except (OSError, Malformed):  # the engine says what is wrong with the file
            found = None
        if found is not None:
            return found, "from the model file"
    name = choice.file.stem if choice.file else model
    card = card_of(name)
    if card is None:
        return choice.sampling, "a common default"
    thinks = thinking or "thinking" in name.lower()
    return (card.thoughts if thinks else card.answers), f"from the card of {card.family}: {card.source}"
