psql -q -c "CREATE TABLE backup AS SELECT 'Anna $FACT_ANNA' AS name, 'DE$FACT_ANNA' AS iban" -c CHECKPOINT
