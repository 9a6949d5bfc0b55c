"""What the account holds and earned: a double-entry ledger in Decimal."""
