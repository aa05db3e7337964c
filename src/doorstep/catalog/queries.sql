-- name: put_products
-- Updates first, so that a feed sent again and again does not use up the numbers that an INSERT draws even in a conflict.
WITH given AS (
    SELECT * FROM jsonb_to_recordset($1) AS p(sku text, title text, active boolean, weight_g integer, length_mm integer,
        width_mm integer, height_mm integer, handling text[], gift_wrap boolean, personalization jsonb,
        return_days integer, style text, option text, components jsonb)
), changed AS (
    UPDATE products p SET title = g.title, active = g.active, weight_g = g.weight_g, length_mm = g.length_mm,
        width_mm = g.width_mm, height_mm = g.height_mm, handling = g.handling, gift_wrap = g.gift_wrap,
        personalization = g.personalization, return_days = g.return_days, style = g.style, option = g.option,
        components = g.components, updated_at = $2
    FROM given g
    WHERE p.sku = g.sku AND (p.title, p.active, p.weight_g, p.length_mm, p.width_mm, p.height_mm, p.handling,
        p.gift_wrap, p.personalization, p.return_days, p.style, p.option, p.components)
        IS DISTINCT FROM (g.title, g.active, g.weight_g, g.length_mm, g.width_mm, g.height_mm, g.handling,
        g.gift_wrap, g.personalization, g.return_days, g.style, g.option, g.components)
    RETURNING 1
), created AS (
    INSERT INTO products (sku, title, active, weight_g, length_mm, width_mm, height_mm, handling, gift_wrap,
        personalization, return_days, style, option, components, updated_at)
    SELECT g.*, $2 FROM given g WHERE NOT EXISTS (SELECT FROM products p WHERE p.sku = g.sku) ORDER BY g.sku
    ON CONFLICT (sku) DO UPDATE SET title = excluded.title, active = excluded.active, weight_g = excluded.weight_g,
        length_mm = excluded.length_mm, width_mm = excluded.width_mm, height_mm = excluded.height_mm,
        handling = excluded.handling, gift_wrap = excluded.gift_wrap, personalization = excluded.personalization,
        return_days = excluded.return_days, style = excluded.style, option = excluded.option,
        components = excluded.components, updated_at = excluded.updated_at
    RETURNING 1
)
SELECT (SELECT count(*) FROM created) AS created, (SELECT count(*) FROM changed) AS changed

-- name: by_sku
-- The version is the transaction that wrote the row: another one after each change that was committed.
SELECT sku_id, sku, title, active, weight_g, length_mm, width_mm, height_mm, handling, gift_wrap, personalization,
    return_days, style, option, components, release_at, xmin AS version
FROM products WHERE sku = ANY($1)

-- name: versions
SELECT sku_id, xmin AS version FROM products WHERE sku_id = ANY($1)

-- name: by_id
SELECT sku_id, sku, title, active, weight_g, length_mm, width_mm, height_mm, handling, gift_wrap, personalization,
    return_days, style, option, components, release_at
FROM products WHERE sku_id = ANY($1)

-- name: page
SELECT sku_id, sku, title, active, weight_g, length_mm, width_mm, height_mm, handling, gift_wrap, personalization,
    return_days, style, option, components, release_at
FROM products WHERE sku_id > $1 ORDER BY sku_id LIMIT $2

-- name: variants
SELECT sku_id, sku, title, active, weight_g, length_mm, width_mm, height_mm, handling, gift_wrap, personalization,
    return_days, style, option, components, release_at
FROM products WHERE style = ANY($1) AND style <> '' ORDER BY sku_id LIMIT $2

-- name: lock_kits
-- Until the end of the transaction; of this brand only.
SELECT pg_advisory_xact_lock(hashtext('kits of ' || current_schema()))

-- name: used_in_kits
SELECT p.sku AS kit, part ->> 'sku' AS component FROM products p, jsonb_array_elements(p.components) part
WHERE p.components <> '[]' AND part ->> 'sku' = ANY($1)

-- name: stocked
-- Read upwards, on purpose: stock is the inventory's.
SELECT DISTINCT p.sku FROM products p JOIN stock s USING (sku_id) WHERE p.sku = ANY($1) AND (s.on_hand > 0 OR s.reserved > 0)

-- name: set_release
UPDATE products SET release_at = $2 WHERE sku_id = $1 AND release_at IS DISTINCT FROM $2
