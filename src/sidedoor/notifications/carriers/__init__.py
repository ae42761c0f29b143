"""How a letter gets to its subscriber: one module for each way."""
