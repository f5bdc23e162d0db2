"""Everything of a body that is neither bone nor disc: one file for each part, which paints it.

The trunk is filled first, within its wall; organs, muscles, vessels and the airway are painted into
it, clothes and the table round it.
"""
