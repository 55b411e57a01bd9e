"""The sessions of a store and their transcripts: store and sessions joined for the floors above."""
