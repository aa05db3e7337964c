"""The console's stock: what is where, who claims it, how it came about, and changes by hand, each shown beforehand.

Nobody sees or changes stock of a location that is not theirs. A movement is never taken away: undoing writes another.
"""
