"""CT of spines that never lived: bodies of known anatomy, drawn with random intensities."""
