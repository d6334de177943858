"""What faiss does with vectors that dssm searches, too, if it is installed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np


def compare(vectors: Any, queries: Any, count: int) -> None:
    """Print the speed of faiss' indices of vectors (V, D), and their recall of the `count` best."""
    try:
        import faiss
    except ImportError:
        print("faiss: not installed")
        return
    width, inner = vectors.shape[1], faiss.METRIC_INNER_PRODUCT
    exact = faiss.IndexFlatIP(width)
    exact.add(vectors)
    best = exact.search(queries, count)[1]
    _searched("flat", exact, queries, best)
    lists = max(1, round(len(vectors) ** 0.5))
    inverted: Any = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, lists, inner)
    began = time.perf_counter()
    inverted.train(vectors[:: max(1, len(vectors) // (64 * lists))])
    inverted.add(vectors)
    print(f"faiss IVF of {lists} lists: built in {time.perf_counter() - began:.0f} s")
    for probes in (8, 32, 128):
        inverted.nprobe = probes
        _searched(f"IVF, {probes} probes", inverted, queries, best)
    graph: Any = faiss.IndexHNSWFlat(width, 32, inner)
    began = time.perf_counter()
    graph.add(vectors)
    print(f"faiss HNSW: built in {time.perf_counter() - began:.0f} s")
    for effort in (32, 128, 512):
        graph.hnsw.efSearch = effort
        _searched(f"HNSW, ef {effort}", graph, queries, best)


def _searched(name: str, index: Any, queries: Any, best: Any) -> None:
    began = time.perf_counter()
    got = index.search(queries, best.shape[1])[1]
    took = time.perf_counter() - began
    share = np.mean([np.isin(b, g).mean() for b, g in zip(best, got, strict=True)])
    speed = f"{len(queries) / took:,.0f} queries/s"
    print(f"faiss {name}: {speed}, recall@{best.shape[1]} {share:.3f}", flush=True)
