"""Whole chunks of steps in one compiled call, for what they cover; the rest runs step by step."""

from __future__ import annotations

from dataclasses import replace

from workers.engine.kernels.chunk.call import ChunkCall
from workers.engine.kernels.compiled import COMPILED

CHUNKED = replace(COMPILED, name="chunk", chunk=ChunkCall)
