"""The report page: an index of a batch and a page per case, each one file that needs no network."""
