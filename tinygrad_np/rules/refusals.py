"""What does not take Tensors, and why; and the rest of what has no derivative."""

from __future__ import annotations

import numpy as np

from tinygrad_np.primitives import nondifferentiable, refuse

nondifferentiable(np.array2string, np.array_repr, np.array_str)  # text
nondifferentiable(np.common_type, np.min_scalar_type)  # facts about arrays
nondifferentiable(np.isneginf, np.isposinf)
nondifferentiable(np.packbits, np.unpackbits, np.ravel_multi_index, np.unravel_index, np.diag_indices_from)

refuse(
    "a file has no gradient. Pass t.detach().numpy()",
    np.save, np.savetxt, np.savez, np.savez_compressed,
)  # fmt: skip
refuse(
    "it works on dates, and Tensors hold numbers",
    np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string, np.isnat,
)  # fmt: skip
