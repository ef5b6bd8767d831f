-- Run once, when the volume is new. For the page Database.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
