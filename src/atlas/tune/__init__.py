"""What a model keeps of a long context: how well it predicts and recalls code, by position and type of cache."""
