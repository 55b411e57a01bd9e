"""Evaluators of other libraries as session evaluators; they come as they are, and nothing of theirs is imported here."""
