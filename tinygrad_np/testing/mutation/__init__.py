"""Mutation testing of derivatives: break each rule in turn, and see whether a test notices.

A test suite that passes says that it found nothing; how much it *could* find is its mutation score. On the command line
``python -m tinygrad_np.testing mutate`` tells it for the operations of a module and pytest's tests; :func:`score` for
any operation and any test; and :func:`mutants` hands out the broken versions for tests of your own making.
"""

from tinygrad_np.testing.mutation.mutants import Mutant, mutants
from tinygrad_np.testing.mutation.scores import Score, score

__all__ = ["Mutant", "Score", "mutants", "score"]
