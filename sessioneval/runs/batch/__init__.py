"""Judging through a provider's Batch API: half the price, answers within a day, restarts in between.

A batch run works in rounds. In each it walks over what is due and asks every judge again: a call whose answer
is known gets it, any other is written down and deferred. Then the written calls are submitted and waited for,
and the next round goes further. Nothing is parked in memory, and a killed process goes on where the files stand.
"""
