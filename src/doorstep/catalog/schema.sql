-- What is sold. Products are switched off, never deleted: orders and movements point at them.
CREATE TABLE products (
    sku_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE CHECK (length(sku) BETWEEN 1 AND 100),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    active boolean NOT NULL DEFAULT true,
    weight_g integer NOT NULL CHECK (weight_g BETWEEN 0 AND 2000000),
    length_mm integer NOT NULL CHECK (length_mm BETWEEN 0 AND 20000),
    width_mm integer NOT NULL CHECK (width_mm BETWEEN 0 AND 20000),
    height_mm integer NOT NULL CHECK (height_mm BETWEEN 0 AND 20000),
    -- Handling classes (fragile, hazmat, oversize, cold): each must be a capability of the location that serves it.
    handling text[] NOT NULL DEFAULT '{}'
        CHECK (handling <@ ARRAY['fragile', 'hazmat', 'oversize', 'cold']),
    gift_wrap boolean NOT NULL DEFAULT true,
    -- Typed fields a customer may have printed: [{"name", "label", "max_length", "required", "pattern"}]; empty = not offered.
    personalization jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(personalization) = 'array'),
    return_days integer NOT NULL DEFAULT 30 CHECK (return_days BETWEEN 0 AND 730),
    -- Products of one style are exchanged for one another; the option tells them apart ("M", "42"). Empty: no variants.
    style text NOT NULL DEFAULT '' CHECK (length(style) <= 100),
    -- This prevents an option that is an option of nothing.
    option text NOT NULL DEFAULT '' CHECK (length(option) <= 40 AND (option = '' OR style <> '')),
    -- What one of it is made of, when it is a kit: [{"sku", "quantity", "share"}]. Kits are not nested, and have no stock.
    -- This prevents a kit that is printed on, or has variants.
    components jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(components) = 'array'
        AND (components = '[]' OR (personalization = '[]' AND style = ''))),
    -- Nothing of it leaves before this time; set by the terms on which it is sold beyond its stock.
    release_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
-- Products by words of their SKU and title, or by how these begin.
CREATE INDEX products_words ON products USING gin (to_tsvector('simple', sku || ' ' || title));
CREATE INDEX products_style ON products (style) WHERE style <> '';
-- Kits, found without a look at the rest.
CREATE INDEX products_kits ON products (sku_id) WHERE components <> '[]';
