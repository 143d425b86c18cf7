"""What several test folders share: a guest that passes any argument, and tracers for tests."""
