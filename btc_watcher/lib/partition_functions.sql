-- Upkeep of the monthly tables, callable by a role that may not change the schema.
-- Installed by btc_watcher/lib/partition_functions.py, which replaces @schema@ and
-- @tables@. Every function runs with its owner's rights, with a fixed search path, and
-- acts on the listed tables and on names that follow from them, on nothing else.
-- pg_catalog is searched first without being named; named, new tables would go there.

CREATE OR REPLACE FUNCTION @schema@.btcw_monthly_column(tbl text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = @schema@, pg_temp AS $body$
DECLARE
    answer text;
BEGIN
    SELECT listed.col INTO answer FROM (VALUES @tables@) AS listed (name, col)
    WHERE listed.name = tbl;
    IF answer IS NULL THEN
        RAISE EXCEPTION '% is not a table that is cut by month', tbl
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN answer;
END $body$;

-- A month before our era would be written like one of it, and be called long over.
CREATE OR REPLACE FUNCTION @schema@.btcw_month_name(tbl text, month date) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF month BETWEEN '0001-01-01' AND '9999-12-31' THEN
        RETURN tbl || to_char(month::timestamp, '"_"YYYY"_"MM');
    END IF;
    RAISE EXCEPTION '% is in no month that can be made', month
        USING ERRCODE = 'invalid_parameter_value';
END $body$;

-- With an offset: a bare date would follow the session's time zone.
CREATE OR REPLACE FUNCTION @schema@.btcw_month_bounds(
    month date, OUT lower_bound timestamptz, OUT upper_bound timestamptz)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT date_trunc('month', month::timestamp) AT TIME ZONE 'UTC',
           (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC'
$body$;

CREATE OR REPLACE FUNCTION @schema@.btcw_partition_attached(tbl text, child text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = @schema@, pg_temp AS $body$
    SELECT EXISTS (
        SELECT FROM pg_inherits WHERE inhparent = to_regclass(quote_ident(tbl))
        AND inhrelid = to_regclass(quote_ident(child)))
$body$;

-- One at a time per table; released at the end of the caller's transaction.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_turn(tbl text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
    SELECT pg_advisory_xact_lock(hashtext('monthly partitions'), hashtext(tbl))
$body$;

-- Counts the rows of a month in the safety net, but not further than "most" and one.
CREATE OR REPLACE FUNCTION @schema@.btcw_strays(tbl text, month date, most bigint)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    col text := btcw_monthly_column(tbl);
    bounds record := btcw_month_bounds(month);
    found bigint := 0;
BEGIN
    IF btcw_partition_attached(tbl, tbl || '_default') THEN
        EXECUTE format(
            'SELECT count(*) FROM (SELECT FROM %I WHERE %I >= $1 AND %I < $2 LIMIT $3) AS x',
            tbl || '_default', col, col)
        INTO found USING bounds.lower_bound, bounds.upper_bound, most + 1;
    END IF;
    RETURN found;
END $body$;

-- Makes a month and moves its rows out of the safety net. NULL: it is there already.
-- -1: more rows than "most" lie in the safety net; the mover's work.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_create(
    tbl text, month date, most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    col text := btcw_monthly_column(tbl);
    child text := btcw_month_name(tbl, month);
    net text := tbl || '_default';
    bounds record := btcw_month_bounds(month);
    moved bigint := 0;
BEGIN
    PERFORM btcw_partition_turn(tbl);
    IF btcw_partition_attached(tbl, child) THEN
        RETURN NULL;
    END IF;
    IF btcw_strays(tbl, month, most) > most THEN
        RETURN -1;
    END IF;
    -- Writers wait here for a moment. ATTACH alone would ask for less, but a row that
    -- was on its way into the safety net meanwhile would be refused.
    EXECUTE format('LOCK TABLE ONLY %I IN SHARE ROW EXCLUSIVE MODE', tbl);
    IF btcw_partition_attached(tbl, net) THEN
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', net);
    END IF;
    IF btcw_strays(tbl, month, most) > most THEN
        RETURN -1;
    END IF;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I (LIKE %I INCLUDING ALL)', child, tbl);
    IF btcw_partition_attached(tbl, net) THEN
        EXECUTE format(
            'WITH moved AS (DELETE FROM %I WHERE %I >= %L AND %I < %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved',
            net, col, bounds.lower_bound, col, bounds.upper_bound, child);
        GET DIAGNOSTICS moved = ROW_COUNT;
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        tbl, child, bounds.lower_bound, bounds.upper_bound);
    RETURN moved;
END $body$;

-- Gives a detached month a name under which it is in nobody's way, and frees it from
-- foreign keys: they would keep the rows that it names from being deleted.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_release(child text, ending text)
RETURNS text
LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $body$
DECLARE
    wanted text := child || '_' || ending;
    number int := 1;
    key name;
BEGIN
    FOR key IN SELECT conname FROM pg_constraint
        WHERE conrelid = to_regclass(quote_ident(child)) AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', child, key);
    END LOOP;
    WHILE to_regclass(quote_ident(wanted)) IS NOT NULL LOOP
        number := number + 1;
        wanted := child || '_' || ending || '_' || number;
    END LOOP;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', child, wanted);
    RETURN wanted;
END $body$;

-- Refuses a month that holds rows and has not been over for a month: whoever may call
-- this may not destroy what is new.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_old_or_empty(child text, month date)
RETURNS void
LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $body$
DECLARE
    used boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', child) INTO used;
    IF used AND (btcw_month_bounds(month)).upper_bound > now() - interval '27 days' THEN
        RAISE EXCEPTION '% holds rows and is too new to be retired', child
            USING ERRCODE = 'object_in_use';
    END IF;
END $body$;

-- Takes a month out of its table; kept says whether it stays as a table of its own.
-- Returns its new name, or NULL when it was not a partition.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_detach(
    tbl text, month date, kept boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    child text := btcw_month_name(tbl, month);
BEGIN
    PERFORM btcw_monthly_column(tbl), btcw_partition_turn(tbl);
    IF NOT btcw_partition_attached(tbl, child) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', tbl, child);
    PERFORM btcw_partition_old_or_empty(child, month);
    RETURN btcw_partition_release(child, CASE WHEN kept THEN 'kept' ELSE 'going' END);
END $body$;

-- Completes a DETACH CONCURRENTLY that was interrupted: until then the month can be
-- read nowhere, and its new rows are refused.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_finalize(
    tbl text, month date, kept boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
DECLARE
    child text := btcw_month_name(tbl, month);
BEGIN
    PERFORM btcw_monthly_column(tbl), btcw_partition_turn(tbl);
    IF NOT EXISTS (SELECT FROM pg_inherits
        WHERE inhrelid = to_regclass(quote_ident(child)) AND inhdetachpending)
    THEN
        RETURN NULL;
    END IF;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I FINALIZE', tbl, child);
    IF NOT kept THEN
        PERFORM btcw_partition_old_or_empty(child, month);
    END IF;
    RETURN btcw_partition_release(child, CASE WHEN kept THEN 'kept' ELSE 'going' END);
END $body$;

-- Drops what the detach or the mover has left to go. False: it is gone.
CREATE OR REPLACE FUNCTION @schema@.btcw_partition_discard(tbl text, name text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = @schema@, pg_temp AS $body$
BEGIN
    PERFORM btcw_monthly_column(tbl);
    IF name !~ ('^' || tbl || '_(\d{4}_\d{2}|default)_going(_\d+)?$') THEN
        RAISE EXCEPTION '% is not a table that may be discarded', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(quote_ident(name)) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $body$;
