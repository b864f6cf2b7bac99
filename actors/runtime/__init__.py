"""The kernel that runs actors: execution, time, timers, ids, supervision policy, metrics and logging.

Must never: know what an order is, or reach a store or a venue by itself.
"""
