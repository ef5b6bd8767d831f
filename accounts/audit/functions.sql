-- Two values without what is equal in both: [before, after]. Objects are compared key by
-- key, everything else as a whole.
CREATE OR REPLACE FUNCTION btcw_audit_diff(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    item text;
    part jsonb;
    old_side jsonb := '{}';
    new_side jsonb := '{}';
BEGIN
    IF jsonb_typeof(a) IS DISTINCT FROM 'object' OR jsonb_typeof(b) IS DISTINCT FROM 'object' THEN
        RETURN jsonb_build_array(a, b);
    END IF;
    FOR item IN SELECT jsonb_object_keys(a) UNION SELECT jsonb_object_keys(b) LOOP
        CONTINUE WHEN a -> item IS NOT DISTINCT FROM b -> item;
        IF NOT a ? item THEN
            new_side := new_side || jsonb_build_object(item, b -> item);
        ELSIF NOT b ? item THEN
            old_side := old_side || jsonb_build_object(item, a -> item);
        ELSE
            part := btcw_audit_diff(a -> item, b -> item);
            old_side := old_side || jsonb_build_object(item, part -> 0);
            new_side := new_side || jsonb_build_object(item, part -> 1);
        END IF;
    END LOOP;
    RETURN jsonb_build_array(old_side, new_side);
END $$;

-- The same value with secrets hidden and long texts cut.
CREATE OR REPLACE FUNCTION btcw_audit_masked(name text, value jsonb, hidden text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    plain text;
BEGIN
    IF value IS NULL OR jsonb_typeof(value) IN ('null', 'boolean') THEN
        RETURN value;
    END IF;
    IF name = ANY (hidden) OR name ~* '(pass(word|wd|phrase)?|pwd|secret|token|credentials?|signature|authorization|cookie|mnemonic|(api|private|secret|access|encryption|signing|session|auth|master|listen)[_-]?key)s?(_encrypted|_hash)?$' THEN
        RETURN CASE WHEN value IN ('""', '{}', '[]') THEN value ELSE '"***"' END;
    END IF;
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN coalesce((SELECT jsonb_object_agg(key, btcw_audit_masked(key, each.value, hidden))
                           FROM jsonb_each(value) each), '{}');
    WHEN 'array' THEN
        RETURN coalesce((SELECT jsonb_agg(btcw_audit_masked('', each.value, hidden) ORDER BY n)
                           FROM jsonb_array_elements(value) WITH ORDINALITY each(value, n)), '[]');
    WHEN 'string' THEN
        plain := value #>> '{}';
        IF plain ~ '^v1:[^:]*:' THEN
            RETURN '"***"';
        END IF;
        -- A login in an address.
        plain := regexp_replace(plain, '://[^/\s]+@', '://***@', 'g');
        IF length(plain) > 500 THEN
            plain := left(plain, 500) || '… (' || length(plain) || ')';
        END IF;
        RETURN to_jsonb(plain);
    ELSE
        RETURN value;
    END CASE;
END $$;

-- Arguments: columns that are never recorded, columns that are recorded when a person
-- changed them, secret columns, the column with the key, the column with the name, and
-- whether only people's changes are recorded ("people") or everybody's ("").
CREATE OR REPLACE FUNCTION btcw_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    actor jsonb := coalesce(nullif(current_setting('btc_watcher.actor', true), ''), '{}')::jsonb;
    left_out text[] := string_to_array(TG_ARGV[0], ' ');
    hidden text[] := string_to_array(TG_ARGV[2], ' ');
    whole jsonb;
    sides jsonb;
BEGIN
    IF actor -> 'user' IS NULL AND TG_ARGV[5] = 'people' THEN
        RETURN NULL;
    END IF;
    IF actor -> 'user' IS NULL THEN
        left_out := left_out || string_to_array(TG_ARGV[1], ' ');
    END IF;
    IF TG_OP = 'INSERT' THEN
        whole := to_jsonb(NEW);
        sides := jsonb_build_array(NULL, whole - left_out);
    ELSIF TG_OP = 'DELETE' THEN
        whole := to_jsonb(OLD);
        sides := jsonb_build_array(whole - left_out, NULL);
    ELSE
        whole := to_jsonb(NEW);
        sides := btcw_audit_diff(to_jsonb(OLD) - left_out, whole - left_out);
        IF sides = '[{}, {}]' THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit_log (at, actor_id, actor_name, via, ip_address, action, target,
                           target_id, target_name, before, after)
    VALUES (clock_timestamp(), (actor ->> 'user')::int, left(coalesce(actor ->> 'name', ''), 150),
            left(coalesce(actor ->> 'via', ''), 60), (actor ->> 'ip')::inet, lower(TG_OP),
            TG_TABLE_NAME, left(coalesce(whole ->> TG_ARGV[3], ''), 64),
            left(coalesce(whole ->> TG_ARGV[4], ''), 150),
            btcw_audit_masked('', nullif(sides -> 0, 'null'), hidden),
            btcw_audit_masked('', nullif(sides -> 1, 'null'), hidden));
    RETURN NULL;
END $$;

-- What has been recorded is not changed, and forgotten by the retention alone.
CREATE OR REPLACE FUNCTION btcw_audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('btc_watcher.audit_forgets', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit_log is not changed; old entries are removed by the retention'
        USING ERRCODE = 'insufficient_privilege';
END $$;
