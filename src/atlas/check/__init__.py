"""What a model can be used for: each kind of request asked a few times, and what that says about settings."""
