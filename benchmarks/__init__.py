"""Measurements: a script for each stage, each prints a ratio against a reference of the same run."""
