"""SDK spans, OTLP protobuf and JSON, collector files and foreign DataFrames become Arrow span tables."""
