"""`/v1`: what OpenAI's clients speak, so that a tool made for them works by changing its base URL."""
