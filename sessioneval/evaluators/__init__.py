"""What judges a session: rubrics, LLM judges and code evaluators."""
