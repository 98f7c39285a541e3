from __future__ import annotations

from dataclasses import replace

import pytest
from search_script import DOUBLE, SUMS

from atlas.sandbox.duplicates import normal_form
from atlas.search.assemble import assemble

PRELUDE = (
    "import math\nfrom typing import List, Tuple\n\n\ndef helper(x):\n    return x\n\n@staticmethod\ndef deco(): ...\n"
)


def whole(code: str, prelude: str = PRELUDE) -> str:
    return assemble(replace(DOUBLE, prelude=prelude), code).code


def test_only_what_is_missing_is_put_in_front() -> None:
    code = "import math\n\ndef helper(x):\n    return 2 * x\n\ndef double(x):\n    return helper(x)\n"
    assert whole(code) == "from typing import List, Tuple\n@staticmethod\ndef deco(): ...\n\n" + code


def test_an_import_is_kept_unless_all_its_names_are_defined() -> None:
    assert "from typing import List, Tuple" in whole("from typing import List\ndef double(x): ...\n")


def test_future_imports_stay_in_front() -> None:
    code = whole("from __future__ import annotations\ndef double(x: Unknown):\n    return 2 * x\n")
    assert code.startswith("from __future__ import annotations\n\nimport math")
    compile(code, "program", "exec")


def test_a_prelude_that_is_no_python_is_not_run() -> None:
    assert whole("def double(x): ...\n", prelude="You may use the helper below.") == "def double(x): ...\n"


def test_a_complete_program_is_left_as_it_is() -> None:
    code = "def double(x):  # hm\n    return 2 * x\n"
    assert assemble(DOUBLE, code).code == code
    assert assemble(DOUBLE, code).entry == "double"
    assert assemble(SUMS, "print(1)\n").entry is None


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    '''Say.'''\n    return x+1",
        "# c\ndef f(x):\n\n    return (x + 1)\n",
        "'''Doc.'''\ndef f(x): return x + 1",
    ],
)
def test_layout_comments_and_docstrings_make_no_difference(other: str) -> None:
    assert normal_form(other) == normal_form("def f(x):\n    return x + 1\n")


def test_names_and_constants_make_a_difference() -> None:
    forms = {normal_form(c) for c in ("x = 1", "y = 1", "x = 2", "x = '1'", "x = 1.0", "x = True")}
    assert len(forms) == 6


def test_a_very_long_expression_is_its_own_form() -> None:
    code = "x = " + "+".join(["1"] * 2000)
    assert normal_form(code) == code


def test_only_a_docstring_is_a_function_too() -> None:
    assert normal_form("def f():\n    '''Doc.'''\n") == normal_form("def f():\n    pass\n")
