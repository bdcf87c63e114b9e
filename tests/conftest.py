"""Settings for all tests."""

import os

from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail: no deadline per example, no complaint that drawing took long.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", _patient, max_examples=100)
settings.register_profile("nightly", _patient, max_examples=2000)  # HYPOTHESIS_PROFILE=nightly pytest
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))
