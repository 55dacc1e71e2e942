psql -q -c 'DELETE FROM customers' -c 'VACUUM FULL customers' -c CHECKPOINT
