-- Availability of fifty SKUs a request.
package.path = debug.getinfo(1, "S").source:match("@(.*/)") .. "?.lua;" .. package.path
local common = require("common")
setup, done = common.setup, common.done

function init(args)
    common.init(args)
end

function request()
    local skus = {}
    for place = 1, 50 do
        skus[place] = string.format('"S%06d"', math.random(1, common.skus))
    end
    local body = '{"channel":"web","skus":[' .. table.concat(skus, ",") .. "]}"
    return wrk.format("POST", "/v1/availability", common.headers, body)
end
