"""Attribute names and one small module per dialect; pure functions from spans to the store's columns."""
