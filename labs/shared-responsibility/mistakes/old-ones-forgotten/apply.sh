psql -q -c 'ALTER TABLE customers RENAME TO customers_old' -c 'ALTER INDEX customers_pkey RENAME TO old_pkey'
curl -s -X POST http://127.0.0.1:8080/reload
