-- Carts: half of the requests hold two SKUs, the other half release what was held.
package.path = debug.getinfo(1, "S").source:match("@(.*/)") .. "?.lua;" .. package.path
local common = require("common")
setup, done = common.setup, common.done

local cart = '{"channel":"web","lines":[{"sku":"%s","quantity":1},{"sku":"%s","quantity":1}],"minutes":15,"country":"GB",'
    .. '"postcode":"N1 1AA"}'
local held = {}

function init(args)
    common.init(args)
end

function request()
    common.headers["Idempotency-Key"] = common.next()
    local hold = table.remove(held)
    if hold then
        return wrk.format("POST", "/v1/cart-holds/" .. hold .. "/release", common.headers)
    end
    return wrk.format("POST", "/v1/cart-holds", common.headers, string.format(cart, common.pair()))
end

function response(status, headers, body)
    if status == 201 then
        held[#held + 1] = body:match('"hold_id":"(cht_%x+)"')
    end
end
