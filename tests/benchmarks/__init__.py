"""What the library costs, beside what its user would write or take instead of it.

``python -m tests.benchmarks`` runs all of it, or the parts that are named. Machines differ and are
shared, so every figure is a ratio of two things measured in turns within one run.
"""
