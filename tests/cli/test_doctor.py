"""``atlas doctor`` on the machine that runs the tests."""

import json
import shutil

from atlas_command import Atlas

from atlas.sandbox.canary import TIERS


def test_every_line_says_ok_or_what_mends_it(atlas: Atlas):
    ended = atlas.run("doctor", "--json")
    findings = json.loads(ended.out)["findings"]
    tiers = {f["name"]: f for f in findings if f["subject"] == "sandbox"}
    assert tuple(tiers) == TIERS
    assert ended.status == (0 if any(f["ok"] for f in tiers.values()) else 1)
    assert all(f["text"] and bool(f["remedy"]) != f["ok"] for f in findings)
    languages = {f["name"]: f["ok"] for f in findings if f["subject"] == "language"}
    assert languages["Bash"] == (shutil.which("bash") is not None)
    assert {"C", "C++", "Go", "Java", "JavaScript", "Rust", "TypeScript"} < set(languages)


def test_without_any_tool_every_language_is_named_with_what_to_install(atlas: Atlas):
    told = atlas.run("doctor", PATH=str(atlas.tmp)).out
    for name in ("Go", "Rust", "Java", "C++"):
        assert f"  {name}" in told
    assert "apt-get install golang-go" in told
