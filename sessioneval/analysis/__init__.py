"""Frames and transcripts for notebooks."""
