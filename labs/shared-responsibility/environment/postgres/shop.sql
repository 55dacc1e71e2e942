CREATE ROLE shop LOGIN PASSWORD 'shop';
GRANT pg_checkpoint TO shop;
CREATE DATABASE shop OWNER shop;
\connect shop
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO shop;
