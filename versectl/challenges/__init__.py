"""The protocols of challenges: VerSe and grand-challenge.org."""
