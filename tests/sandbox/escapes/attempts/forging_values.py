"""Values that lie about themselves: what is observed is the plain data that they hold, or nothing."""
# ruff: noqa: E501  (programs in a table)

from probe import Ok, Run

from atlas.sandbox import Status

ALWAYS = "__eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __hash__ = lambda s: 0"
CUT = Status.CRASHED

RUNS = [
    Run("an object equal to everything", f"class A:\n    {ALWAYS}\ndef f(): return A()", (Status.BAD_VALUE,)),
    Run("an int equal to everything", f"class A(int):\n    {ALWAYS}\n    __repr__ = __str__ = lambda s: '42'\n    __int__ = __index__ = lambda s: 42\ndef f(): return A(7)", (Ok(7),)),
    Run("a bool by another name", f"class A(int):\n    {ALWAYS}\n    __class__ = bool\n    __bool__ = lambda s: True\ndef f(): return A(0)", (Ok(0),)),
    Run("a float equal to everything", f"class A(float):\n    {ALWAYS}\n    __float__ = lambda s: 42.0\ndef f(): return A(7.5)", (Ok(7.5),)),
    Run("a complex number with parts of its own", f"class A(complex):\n    {ALWAYS}\n    real = imag = 42.0\ndef f(): return A(1 + 2j)", (Ok(1 + 2j),)),
    Run("a string equal to everything", f"class A(str):\n    {ALWAYS}\n    __str__ = __repr__ = __format__ = lambda s, *a: 'right'\n    encode = lambda s, *a: b'right'\ndef f(): return A('wrong')", (Ok("wrong"),)),
    Run("bytes with items of their own", f"class A(bytes):\n    {ALWAYS}\n    __getitem__ = __bytes__ = lambda s, *a: b'right'\n    hex = lambda s: '00'\ndef f(): return A(b'wrong')", (Ok(b"wrong"),)),
    Run("a list with an iterator of its own", f"class A(list):\n    {ALWAYS}\n    __iter__ = lambda s: iter(['right'])\n    __len__ = lambda s: 1\n    __getitem__ = lambda s, i: 'right'\ndef f(): return A(['wrong'])", (Ok(["wrong"]),)),
    Run("a tuple with an iterator of its own", f"class A(tuple):\n    {ALWAYS}\n    __iter__ = lambda s: iter(['right'])\ndef f(): return A(['wrong'])", (Ok(("wrong",)),)),
    Run("a dict with items of its own", f"class A(dict):\n    {ALWAYS}\n    items = lambda s: [('right', 1)]\n    __iter__ = keys = lambda s: iter(['right'])\ndef f(): return A(wrong=1)", (Ok({"wrong": 1}),)),
    Run("a dict that makes what is asked for", "class A(dict):\n    __missing__ = lambda s, k: 'right'\ndef f(): return A()", (Ok({}),)),
    Run("a set that holds everything", f"class A(set):\n    {ALWAYS}\n    __contains__ = lambda s, o: True\n    __iter__ = lambda s: iter(['right'])\ndef f(): return A(['wrong'])", (Ok({"wrong"}),)),
    Run("a frozen set with an iterator of its own", f"class A(frozenset):\n    {ALWAYS}\n    __iter__ = lambda s: iter(['right'])\ndef f(): return A(['wrong'])", (Ok(frozenset({"wrong"})),)),
    Run("liars inside an honest list", f"class A(int):\n    {ALWAYS}\nclass B(str):\n    {ALWAYS}\ndef f(): return [A(1), {{B('b'): A(2)}}, (A(3),)]", (Ok([1, {"b": 2}, (3,)]),)),
    Run("a forged class", "class A:\n    __class__ = str\n    __str__ = lambda s: 'right'\ndef f(): return A()", (Status.BAD_VALUE,)),
    Run("a class with a forged line of descent", "class M(type):\n    __mro__ = property(lambda s: (int, object))\nclass A(metaclass=M):\n    __int__ = __index__ = lambda s: 42\ndef f(): return A()", (frozenset({Status.BAD_VALUE, Status.EXCEPTION, CUT}),)),
    Run("an object that pickles itself as something else", "class A:\n    __reduce__ = lambda s: (str, ('right',))\ndef f(): return A()", (Status.BAD_VALUE,)),
    Run("an object with JSON of its own", "class A:\n    __json__ = to_json = default = lambda s, *a: 'right'\ndef f(): return A()", (Status.BAD_VALUE,)),
    Run("a generator", "def f():\n    yield 'right'", (Status.BAD_VALUE,)),
    Run("a lazy value", "def f(): return map(str, range(3))", (Status.BAD_VALUE,)),
    Run("a coroutine", "async def f(): return 'right'", (Status.BAD_VALUE,)),
    Run("a class instead of a value", "def f(): return type('right', (), {})", (Status.BAD_VALUE,)),
    Run("the wildcard of the mock library", "class _ANY:\n    __eq__ = lambda s, o: True\ndef f(): return [_ANY()]", (Status.BAD_VALUE,)),
    Run("a value within itself", "def f():\n    a = []\n    a.append({0: a})\n    return a", (Status.BAD_VALUE,)),
    Run("a value nested too deeply", "def f():\n    a = 0\n    for _ in range(10**5): a = [a]\n    return a", (Status.BAD_VALUE,)),
    Run("a list that grows while it is read", "class A(list): pass\ndef f():\n    a = list(range(10**5))\n    def grow():\n        while True: a.append(0)\n    threading.Thread(target=grow, daemon=True).start()\n    return a", (frozenset({Status.OK, Status.OUTPUT_LIMIT, Status.MEMORY_LIMIT, Status.CPU_LIMIT, CUT}),)),
    Run("a set that changes while it is read", "class A(int):\n    def __hash__(s): return 1\ndef f(): return {A(1), A(2)}", (Ok({1, 2}),)),
    Run("keys that are one once they are plain", "class A(int):\n    __eq__ = lambda s, o: s is o\n    __hash__ = lambda s: id(s)\ndef f(): return {A(1): 'a', A(1): 'b'}", (CUT,)),
    Run("not a number, not itself", "def f(): return [float('nan'), -float('inf'), -0.0]", (Ok([float("nan"), float("-inf"), -0.0]),)),
    Run("an integer of a million bits", "def f(): return (1 << 10**6) - (1 << 10**6) + (1 << 70)", (Ok(1 << 70),)),
    Run("an integer too long to print", "def f(): return 7 ** 10**4 % 10 ** 4000 > 0", (Ok(True),)),
    Run("an exception instead of a value", "def f(): return ValueError('right')", (Status.BAD_VALUE,)),
    Run("an exception equal to everything", f"class A(Exception):\n    {ALWAYS}\ndef f(): raise A('right')", (Status.EXCEPTION,), error="A: right"),
    Run("an error whose text is the program's own", "class T(str):\n    __format__ = lambda s, spec: 'right'\n    __bool__ = lambda s: True\nclass A(Exception):\n    __str__ = lambda s: T('wrong')\ndef f(): raise A", (frozenset({Status.EXCEPTION, CUT}),)),
    Run("an error at a line that is none", "def f(): raise SyntaxError('x', ('<program>', -5, 1, ''))", (frozenset({Status.EXCEPTION, CUT}),)),
]  # fmt: skip
