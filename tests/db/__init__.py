"""PostgreSQL inside, pools, transactions, migrations."""
