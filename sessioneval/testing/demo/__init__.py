"""The demo: two traced apps and four sessions written by hand, stored, judged and printed."""
