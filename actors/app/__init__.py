"""The programs that `run.py` offers: the main job, the drill, the replay and the paper venues.

They embed the order manager as any host would, through `Oms`. Must never: reach into an account, or judge the order
manager by what it says of itself where a paper venue can say what happened.
"""
