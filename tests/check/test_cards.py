"""What to draw with, and who says so."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import pytest

from atlas.check.cards import CARDS, card_of, from_metadata, recommended
from atlas.engine.choice import EngineChoice
from atlas.engine.nano import model_path
from atlas.llm.types import RECOMMENDED, Sampling

SERVER = EngineChoice("endpoint", url="http://x")


def test_from_a_files_metadata() -> None:
    values = {"general.sampling.temp": 0.6, "general.sampling.top_k": 20, "general.sampling.top_p": "x"}
    assert from_metadata(values) == Sampling(0.6, 1.0, 20)
    assert from_metadata({"general.sampling.top_k": 20}) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("top_k", inf),
        ("top_k", nan),
        ("top_k", 2**40),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("min_p", -0.1),
        ("top_k", True),
    ],
)
def test_what_makes_no_sense_in_a_file_is_ignored(key: str, value: float) -> None:
    assert from_metadata({"general.sampling.temp": 0.6, f"general.sampling.{key}": value}) == Sampling(0.6)


@pytest.mark.parametrize("temperature", [inf, nan, -1.0, 5.0, True])
def test_a_temperature_that_makes_no_sense_is_none(temperature: float) -> None:
    assert from_metadata({"general.sampling.temp": temperature, "general.sampling.top_k": 20}) is None


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen3-14B-Q4_K_M", "Qwen3"),
        ("Qwen_Qwen3-14B-Q4_K_M", "Qwen3"),
        ("qwen3:14b", "Qwen3"),
        ("Qwen3-Coder-30B-A3B-Instruct", "Qwen3"),
        ("Qwen/Qwen2.5-Coder-14B-Instruct", "Qwen2.5"),
        ("unsloth/Meta-Llama-3.1-8B-Instruct", "Llama 3"),
        ("llama3.2:3b", "Llama 3"),
        ("google_gemma-3-12b-it", "Gemma 3"),
        ("DeepSeek-R1-Distill-Qwen-14B", "DeepSeek-R1"),
        ("DeepSeek-R1-0528-Qwen3-8B", "DeepSeek-R1"),
        ("openai/gpt-oss-20b", "gpt-oss"),
        ("mistralai_Mistral-Small-3.2-24B-Instruct-2506", "Mistral Small 3"),
        ("Mistral-Small-24B-Instruct-2501", "Mistral Small 3"),
    ],
)
def test_a_name_tells_the_family(name: str, family: str) -> None:
    card = card_of(name)
    assert card is not None
    assert card.family == family


@pytest.mark.parametrize(
    "name", ["something-else", "Qwen3.5-9B", "gemma-3n-e4b", "Mistral-Small-Instruct-2409", "", "3"]
)
def test_other_names_tell_none(name: str) -> None:
    assert card_of(name) is None


def test_every_row_names_its_page() -> None:
    assert all(card.source.startswith("https://") for card in CARDS)
    assert len({card.family for card in CARDS}) == len(CARDS)


def test_who_recommends_it() -> None:
    assert recommended(EngineChoice(), "nano")[1] == "from the shipped model's evaluation"
    drawn, source = recommended(SERVER, "qwen3:14b")
    assert drawn == Sampling(0.7, 0.8, 20)
    assert source.startswith("from the card of Qwen3: https://")
    assert recommended(SERVER, "mine") == (RECOMMENDED, "a common default")


def test_thoughts_are_drawn_in_another_way() -> None:
    thoughts = Sampling(0.6, 0.95, 20)
    assert recommended(SERVER, "qwen3:14b", thinking=True)[0] == thoughts
    assert recommended(SERVER, "Qwen3-4B-Thinking-2507")[0] == thoughts
    assert recommended(SERVER, "gpt-oss-20b", thinking=True) == recommended(SERVER, "gpt-oss-20b")


def test_a_file_is_told_by_its_name_where_it_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "Qwen3-14B-Q4_K_M.gguf"
    file.symlink_to(model_path())
    assert recommended(EngineChoice("file", file=file), "")[0] == Sampling(0.7, 0.8, 20)
