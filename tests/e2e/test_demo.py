"""``atlas demo``, made small: what a stranger sees first."""

from __future__ import annotations

import json
import re

from atlas_command import Atlas


def test_the_demo_ends_in_a_table_and_in_a_command_that_proves_it(atlas: Atlas):
    ended = atlas.run("demo", "--problems", 1)
    assert ended.status == 0, ended.err
    for words in (
        "single", "sampled", "best-of-n", "full", "selected@1", "oracle", "95%", "vs first", "generated tokens",
        "prompt tokens", "seconds",
    ):  # fmt: skip
        assert words in ended.out
    (proof,) = re.findall(r"atlas (bench audit \S+)$", ended.out, re.MULTILINE)
    audited = atlas.run(*proof.split(), "--json")
    assert audited.status == 0, audited.out
    assert json.loads(audited.out)["compared"] == 4
    assert atlas.left_behind() == []
