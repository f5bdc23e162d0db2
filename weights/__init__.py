"""The default weights; installed, this folder is the package versectl_weights."""
