"""What is kept on disk: the tape of a run."""
