"""An importance matrix of a model from a text: ``llama-imatrix``, run; the file appears when it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from atlas.engine.gguf_check import ModelFile
from atlas.engine.tools.find import find
from atlas.engine.tools.perplexity import CONTEXT, Told, progress
from atlas.engine.tools.run import run
from atlas.errors import EngineError, UsageError


def calibrate(model: ModelFile, text: str, target: Path, threads: int, told: Told = lambda done, of: None) -> Path:
    """Write the importance matrix of ``model`` over ``text``; ``target`` again.

    Args:
        model: checked, best unquantized.
        text: source code.
        target: the file to write.
        threads: CPU threads.
        told: how many pieces of how many are done.

    Raises:
        UsageError: the tool is missing, the text is too short, or the target cannot be written.
        EngineError: the tool fails.
    """
    tool = find("llama-imatrix")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise UsageError(f"{target} cannot be written: name another file with --out.")
    with TemporaryDirectory(prefix=".atlas-imatrix-", dir=target.parent) as folder:
        # The tool writes the text's name into its file, so it is told one that says nothing of this machine.
        (Path(folder) / "code.txt").write_text(text)
        context = min(CONTEXT, model.context_length)
        words = ["-m", str(model.path.resolve()), "-f", "code.txt", "-o", "out.gguf", "-c", str(context)]
        words += ["-b", str(context), "-t", str(threads)]
        try:
            run([str(tool.path), *words], progress(told), what=f"Calibrating {model.path.name}", cwd=Path(folder))
        except EngineError as e:
            if "you need at least" in str(e):
                raise UsageError(
                    f"The text is too short: two pieces of {context} tokens are needed at least."
                ) from None
            raise
        made = Path(folder) / "out.gguf"
        if not made.is_file():
            raise EngineError("llama-imatrix ended without writing its file: try `atlas tools build`.")
        made.replace(target)
    return target
