"""What others saved, in the shape of a backup of ours: each form is a module, and `place` tells which one a name means.

Nothing of it was sealed: there are no sums, so nothing tells whether it is as it was written, and nothing here may say so.
Nothing is written either.
"""
