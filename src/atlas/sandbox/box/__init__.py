"""What runs on the far side of the judge's sockets: the nursery, the zygotes, and the program's own process.

These modules import the standard library, each other and ``atlas.compare.codec`` only, and are never
imported by the judge, save ``bootstrap``, ``wire`` and ``bundle``. ``kernel`` and ``landlock`` also serve
``atlas.bench``, which denies files to its own processes.

    judge ── nursery ── zygote (a worker; set up once: namespaces, Landlock rules)
                          └── one process an execution (limits, no privileges, seccomp), which runs the
                          program
           └── exec zygote (for compilers and other languages)
                 └── init, one an execution (its own namespaces, mounts and scratch folder; counts and kills)
                       └── the program: confined, then executed

In the tier ``bubblewrap`` the nursery's child becomes ``bwrap``, and the zygote is a fresh interpreter inside.
"""
