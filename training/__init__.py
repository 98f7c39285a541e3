"""How the shipped model is made: samples, tokenizer, trainer, export, evaluation. Not part of the wheel."""
