"""What every test directory shares."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["fixtures_gateway", "fixtures_postgres"]

# A loaded machine may take long over an example, and that says nothing about it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
