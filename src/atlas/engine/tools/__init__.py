"""llama.cpp's own command-line tools: found on PATH, or built from source, and run."""
