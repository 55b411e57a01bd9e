"""The nouns of the field as frozen dataclasses, and the Arrow schemas of the two tables."""
