"""Work over a store: imports, plans, bounded concurrency, the journal."""
