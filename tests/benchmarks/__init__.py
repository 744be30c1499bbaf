"""What the library costs, compared with code that a user could write or install instead.

``python -m tests.benchmarks`` runs all parts, or only those given. Machines differ and are shared,
so every figure is a ratio of two measurements that took turns in the same run.
"""
