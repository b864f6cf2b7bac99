"""The pure core: what is decided, without any clock, thread, socket or store.

Every function here takes values and returns values. Time is handed in as `now_ms`, randomness as a `Random`. Must never
import anything of ours but `messages`, `actors.errors` and its own modules.
"""
