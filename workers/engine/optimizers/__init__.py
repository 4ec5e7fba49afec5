"""The optimisers: which slots they keep, and the numbers of each of their steps.

State is data, vectors by name, saved with the parameters. A step is split in two: what is the same
for all parameters (rates and bias corrections, here, for many steps at once) and one pass over the
vectors (`kernels.updates`).
"""

from workers.engine.optimizers.coefficients import coefficients
from workers.engine.optimizers.slots import initial_slots, slot_names

__all__ = ["coefficients", "initial_slots", "slot_names"]
