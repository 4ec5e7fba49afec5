"""Private servers for the tests: PostgreSQL and Redis on free loopback ports, ended by pid."""
