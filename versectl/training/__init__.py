"""Training: samples, losses, the loop, and cross-validation."""
