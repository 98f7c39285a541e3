"""Model servers that outlive the shell: started, watched, listed, stopped (``atlas up``, ``ps``, ``logs``, ``down``).

``keeper`` is the process that stays; it alone writes the ``records`` of what runs. ``starting`` and ``stopping`` are
what the commands do, ``choosing`` which file is served and how, ``drafting`` whether a draft pays, ``throttle``
whether the clocks fall.
"""
