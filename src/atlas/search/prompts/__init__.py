"""The text of every request the search makes: one template a kind, rendered with StrictUndefined.

Interface only for now; see the functions' docstrings.
"""
