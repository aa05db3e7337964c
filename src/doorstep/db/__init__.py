"""The one engine: pools, transactions, named SQL, migrations, and PostgreSQL itself when none is given.

Invariant: a transaction touches one brand's schema and is committed only here.
"""

from doorstep.db.pool import Brand, Database, StartAgain, Tx
from doorstep.db.sql import Statements, statements

__all__ = ["Brand", "Database", "StartAgain", "Statements", "Tx", "statements"]
