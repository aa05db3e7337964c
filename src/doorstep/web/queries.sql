-- name: look
SELECT current_schema() AS brand, accent, CASE WHEN logo IS NULL THEN NULL ELSE left(encode(sha256(logo), 'hex'), 16) END AS logo FROM look

-- name: logo
SELECT logo, logo_type FROM look

-- name: put_accent
UPDATE look SET accent = $1

-- name: put_logo
UPDATE look SET logo = $1, logo_type = $2
