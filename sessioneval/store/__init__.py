"""The directory of Parquet files: append, scan, compact; the only floor that does I/O on data."""
