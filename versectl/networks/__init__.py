"""Networks: their architectures, weights and engines, and the memory they take."""
