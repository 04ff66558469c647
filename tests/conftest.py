"""What every test directory shares."""

pytest_plugins = ["fixtures_gateway", "fixtures_postgres"]
