-- The mover: empties a safety net that holds too many rows for one short transaction.
-- A shadow beside the table is filled in batches while a trigger repeats every change
-- in it; then shadow and safety net change places in one short transaction. Until that
-- commits the rows lie where they always lay, so it may be killed at any point.

CREATE OR REPLACE FUNCTION @schema@.btcw_mover_mirror() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    shadow text := TG_ARGV[0];
    col text := TG_ARGV[1];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        EXECUTE format('DELETE FROM %I WHERE id = ($1).id AND %I = ($1).%I',
            shadow, col, col) USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE format('INSERT INTO %I SELECT ($1).*', shadow) USING NEW;
    END IF;
    RETURN NULL;
END $body$;

-- Removes what a mover that was killed has left.
CREATE OR REPLACE FUNCTION @schema@.btcw_mover_clear(tbl text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
BEGIN
    PERFORM btcw_monthly_column(tbl), btcw_partition_turn(tbl);
    IF EXISTS (SELECT FROM pg_trigger WHERE tgname = 'btcw_mover'
        AND tgrelid = to_regclass(quote_ident(tbl || '_default')))
    THEN
        EXECUTE format('DROP TRIGGER btcw_mover ON %I', tbl || '_default');
    END IF;
    IF to_regclass(quote_ident(tbl || '_moving')) IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I', tbl || '_moving');
    END IF;
END $body$;

-- Makes the shadow, with one partition per given month, and starts the mirror.
CREATE OR REPLACE FUNCTION @schema@.btcw_mover_start(tbl text, months date[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    col text := btcw_monthly_column(tbl);
    shadow text := tbl || '_moving';
    month date;
    bounds record;
    child text;
    key record;
BEGIN
    PERFORM btcw_mover_clear(tbl);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY RANGE (%I)',
        shadow, tbl, col);
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', shadow || '_default', shadow);
    FOREACH month IN ARRAY months LOOP
        bounds := btcw_month_bounds(month);
        child := btcw_month_name(shadow, month);
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
            child, shadow, bounds.lower_bound, bounds.upper_bound);
        -- Proves the bounds, so that ATTACH need not read the rows under its lock.
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT btcw_mover'
            ' CHECK (%I IS NOT NULL AND %I >= %L AND %I < %L)',
            child, col, col, bounds.lower_bound, col, bounds.upper_bound);
    END LOOP;
    -- The same foreign keys now, or ATTACH would check every row against them.
    FOR key IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = to_regclass(quote_ident(tbl)) AND contype = 'f'
    LOOP
        FOR child IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
            WHERE inhparent = to_regclass(quote_ident(shadow))
        LOOP
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I %s',
                child, key.conname, key.definition);
        END LOOP;
    END LOOP;
    EXECUTE format('CREATE TRIGGER btcw_mover AFTER INSERT OR UPDATE OR DELETE ON %I'
        ' FOR EACH ROW EXECUTE FUNCTION btcw_mover_mirror(%L, %L)',
        tbl || '_default', shadow, col);
END $body$;

-- Copies the next rows in the order of the key; no row in the answer: none was left,
-- and the shadow is marked as whole.
-- The rows are locked while they are copied, so that a change to them comes before or
-- after, and never between reading and writing. Times are text: they may be infinite.
CREATE OR REPLACE FUNCTION @schema@.btcw_mover_copy(
    tbl text, after_id text, after_time text, most int)
RETURNS TABLE (copied bigint, last_id text, last_time text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    col text := btcw_monthly_column(tbl);
    net text := tbl || '_default';
    kind text;
    start text := '';
BEGIN
    SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
    WHERE attrelid = to_regclass(quote_ident(net)) AND attname = 'id';
    IF after_id IS NOT NULL THEN
        start := format('WHERE (id, %I) > (%L::%s, %L::timestamptz)',
            col, after_id, kind, after_time);
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH batch AS MATERIALIZED (SELECT * FROM %1$I %2$s ORDER BY id, %3$I'
        '   LIMIT $1 FOR SHARE),'
        ' copied AS (INSERT INTO %4$I SELECT * FROM batch ON CONFLICT DO NOTHING)'
        ' SELECT count(*) OVER (), batch.id::text, batch.%3$I::text FROM batch'
        ' ORDER BY batch.id DESC, batch.%3$I DESC LIMIT 1', net, start, col, tbl || '_moving')
    USING most;
    IF NOT FOUND THEN
        EXECUTE format('COMMENT ON TABLE %I IS ''whole''', tbl || '_moving');
    END IF;
END $body$;

-- Shadow and safety net change places. Needs the strongest lock, for milliseconds.
-- Refuses a shadow that was not copied to the end: the rows it lacks would be gone.
CREATE OR REPLACE FUNCTION @schema@.btcw_mover_finish(tbl text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    net text := tbl || '_default';
    shadow text := tbl || '_moving';
    gone text;
    child text;
    month date;
    bounds record;
BEGIN
    PERFORM btcw_monthly_column(tbl), btcw_partition_turn(tbl);
    IF obj_description(to_regclass(quote_ident(shadow)), 'pg_class')
        IS DISTINCT FROM 'whole'
    THEN
        RAISE EXCEPTION 'the rows of % were not copied to the end', net
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', tbl);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', net);
    EXECUTE format('DROP TRIGGER btcw_mover ON %I', net);
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', tbl, net);
    gone := btcw_partition_release(net, 'going');
    -- The months first: beside a safety net each ATTACH would search it.
    FOR child IN SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = to_regclass(quote_ident(shadow))
        AND relname <> shadow || '_default' ORDER BY relname
    LOOP
        month := to_date(right(child, 7), 'YYYY_MM');
        bounds := btcw_month_bounds(month);
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', shadow, child);
        EXECUTE format('ALTER TABLE %I RENAME TO %I', child, btcw_month_name(tbl, month));
        child := btcw_month_name(tbl, month);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            tbl, child, bounds.lower_bound, bounds.upper_bound);
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT btcw_mover', child);
    END LOOP;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', shadow, shadow || '_default');
    EXECUTE format('ALTER TABLE %I RENAME TO %I', shadow || '_default', net);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', tbl, net);
    EXECUTE format('DROP TABLE %I', shadow);
    RETURN gone;
END $body$;
