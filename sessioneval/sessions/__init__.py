"""From spans to sessions: grouping, anchor, transcript, loss report, rendering."""
