"""The store: `write` and `read` on a SQLAlchemy connection, whatever database is behind them."""
