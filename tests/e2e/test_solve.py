"""``atlas solve`` with the shipped model under the real engine."""

from __future__ import annotations

import ast
import json
import sqlite3
from pathlib import Path

import pytest
from atlas_command import Atlas
from e2e_statements import EASY


def is_program(text: str) -> bool:
    """Whether it is Python and nothing else; it is not run here, nobody trusts it."""
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)] == ["solve"]


@pytest.mark.parametrize("how", ["text", "file", "stdin"])
def test_a_statement_as_text_file_and_standard_input(atlas: Atlas, easy: Path, how: str):
    statement = {"text": EASY, "file": easy, "stdin": "-"}[how]
    ended = atlas.run("solve", statement, input=EASY if how == "stdin" else "")
    assert ended.status == 0, ended.err
    assert is_program(ended.out)
    assert "confidence" in ended.err
    assert "phase 1: draft, inputs (" in ended.err
    assert "passes 2 of 2 examples" in ended.err
    assert atlas.left_behind() == []


def test_a_file_name_with_blanks_and_a_file_from_windows(atlas: Atlas):
    (atlas.cwd / "my problem.txt").write_bytes(b"\xef\xbb\xbf" + EASY.replace("\n", "\r\n").encode())
    ended = atlas.run("solve", "my problem.txt", "--json")
    answer = json.loads(ended.out)
    assert "passes 2 of 2 examples" in answer["evidence"]


def test_json_is_one_object_and_all_there_is(atlas: Atlas, easy: Path):
    ended = atlas.run("solve", easy, "--json")
    assert ended.status == 0
    assert ended.err == ""
    answer = json.loads(ended.out)
    assert is_program(answer["code"])
    assert 0 < answer["confidence"] <= 1
    assert "passes 2 of 2 examples" in answer["evidence"]
    assert answer["usage"]["generated_tokens"] > 0
    assert answer["usage"]["executions"] > 0
    assert answer["rounds"][0]["moves"] == ["draft", "inputs"]
    assert sum(round["generated_tokens"] for round in answer["rounds"]) == answer["usage"]["generated_tokens"]
    assert answer["sampling"]["source"] == "from the shipped model's evaluation"
    assert "runnable" not in answer  # nothing was put behind the program
    assert answer["seconds"] > 0


def test_save_keeps_program_answer_and_tape(atlas: Atlas, easy: Path):
    ended = atlas.run("solve", easy, "--save", "kept/here")
    assert ended.status == 0
    folder = atlas.cwd / "kept" / "here"
    assert (folder / "program.py").read_text().rstrip() == ended.out.rstrip()
    answer = json.loads((folder / "answer.json").read_text())
    assert answer["code"] == (folder / "program.py").read_text()
    with sqlite3.connect(folder / "tape.sqlite") as tape:
        kinds = {kind for (kind,) in tape.execute("SELECT DISTINCT kind FROM records")}
    tape.close()
    assert {"exchange", "observation"} <= kinds
    assert sorted(p.name for p in folder.iterdir()) == ["answer.json", "problem.json", "program.py", "tape.sqlite"]


def test_a_folder_with_content_is_not_written_into(atlas: Atlas, easy: Path):
    ended = atlas.run("solve", easy, "--save", ".")
    assert ended.status == 2
    assert "not empty" in ended.last_words
    assert list(atlas.cwd.iterdir()) == [easy]


def test_a_deadline_ends_the_search_with_the_best_so_far(atlas: Atlas, endless: Path):
    # Far less than four rounds take on any machine, so that it always strikes.
    ended = atlas.run("solve", endless, "--deadline", "100ms", "--slots", 1, "--json")
    answer = json.loads(ended.out)
    assert ended.status == (0 if answer["code"] else 1)
    assert any("deadline" in reason for reason in answer["reasons"])
    assert atlas.left_behind() == []


def test_a_gguf_file_by_name(atlas: Atlas, easy: Path):
    from atlas.engine.nano import model_path

    (atlas.cwd / "my-model.gguf").symlink_to(model_path())
    ended = atlas.run("solve", easy, "--model", "my-model.gguf", "--strategy", "single", "--context", 1024)
    assert ended.status in {0, 1}, ended.err
    assert "tokens generated in 1 request" in ended.err
