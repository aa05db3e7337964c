"""A million claims: 64 writers in several processes, and a proof that nothing was oversold and nobody refused wrongly.

How a refusal is proven true. The harness's database (no other) writes a log by trigger: each change of a row of `stock`
or `cart_claims`, before and after, with a number drawn from one sequence. Whoever changes such a row holds the lock of
its stock row, from before the number is drawn until the commit; so for each (sku, location) the numbers are in commit
order, and the numbers of what was rolled back are not there. A refusal draws a number too, in its own transaction,
while it holds the locks of all stock rows of its SKUs: all that is lower was committed before it looked, all that is
higher comes after. It carries what it saw. So the log, read from one end to the other, is a replay of all committed
changes in commit order, one key beside the other, and at each refusal it says what was there: the refusal is true when
that is less than was asked for, and honest when it is what the refusal said (`replay.py`). The log proves its own
order: each change must begin where the one before it, of the same row, ended.

Production has neither log nor trigger. What is added to its code is one wrapper around the function that decides under
lock (`tap.py`), which notes what was decided; all else is the product as it is.
"""
