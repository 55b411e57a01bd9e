"""The app's side: `session()`, `register()`, the span processor and `ParquetSpanExporter`."""
