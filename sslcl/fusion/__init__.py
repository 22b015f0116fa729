"""Several trials of one architecture trained as one program, on stacked parameters.

A small model spends most of a step on starting small operations. Trials that differ in numbers
only can share each of them: parameters and batches get a leading dimension of models.
"""
