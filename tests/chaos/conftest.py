from tests.workers.conftest import line, world

__all__ = ["line", "world"]
