/workspace/migrate.py
