"""Many cases: which are chosen, what is kept of former runs, and how one failure stays its own."""
