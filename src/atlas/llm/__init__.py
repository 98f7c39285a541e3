"""Requests to language models: one client for every OpenAI-compatible server, and the parsing of replies."""
