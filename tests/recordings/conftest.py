"""Nothing here is a test: the apps run in environments of their own, whose libraries this one does not have."""

collect_ignore_glob = ["*.py"]
