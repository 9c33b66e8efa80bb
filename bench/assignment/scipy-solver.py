"""One solver of scipy in a process of its own: scipy-solver.py sparse|dense PROBLEM MEASURE_MS. Reads what problem-file.ts wrote, prints what solver-report.ts says."""

import json
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    row_count, column_count, pair_count, unmatched_count = np.frombuffer(data, "<i4", 4)
    at = 16
    parts = []
    for kind, count in (("<f8", pair_count), ("<f8", unmatched_count), ("<i4", row_count + 1), ("<i4", pair_count)):
        parts.append(np.frombuffer(data, kind, count, at))
        at += parts[-1].nbytes
    return (int(row_count), int(column_count), *parts)


def sparse_solver(path):
    row_count, column_count, costs, _, row_start, columns = read(path)
    matrix = csr_matrix((costs, columns, row_start), shape=(row_count, column_count))
    return row_count, lambda: min_weight_full_bipartite_matching(matrix)


def dense_solver(path):
    row_count, column_count, costs, unmatched, row_start, columns = read(path)
    # As denseOf of peer-problem.ts.
    row_of_pair = np.repeat(np.arange(row_count), np.diff(row_start))
    matrix = np.zeros((row_count, column_count))
    matrix[row_of_pair, columns] = np.minimum(0, costs - unmatched[row_of_pair])
    return row_count, lambda: linear_sum_assignment(matrix)


row_count, solve = {"sparse": sparse_solver, "dense": dense_solver}[sys.argv[1]](sys.argv[2])
times_ms = []
cpu_before = time.process_time()
until = time.perf_counter() + int(sys.argv[3]) / 1000
while not times_ms or time.perf_counter() < until:
    start = time.perf_counter()
    rows, mates_of_rows = solve()
    times_ms.append((time.perf_counter() - start) * 1000)
cpu_ms = (time.process_time() - cpu_before) * 1000
mates = np.full(row_count, -1)
mates[rows] = mates_of_rows
report = {"coldMs": None, "timesMs": times_ms, "cpuMsPerSolve": cpu_ms / len(times_ms), "mates": mates.tolist()}
print(json.dumps(report))
