"""What the servers have in common that stand in for those of others: they run on gevent."""
